import { Environment, serialize, type ParseResult } from '@marcbachmann/cel-js'
import type { BusinessRule } from '#lib/core/policy.ts'
import type { Json, JsonObject } from '#lib/core/json.ts'
import type { FieldError } from '#lib/protocol/errors.ts'
import { linearRegex, type LinearRegex } from './linear-regex.ts'
import { dataPointer } from './pointer.ts'

/** Steps that one rule may take on one record, estimated before it runs: about 50 ms. */
const maxSteps = 2_000_000
const maxNodes = 500
/** Loops within loops, written out; how much they cost depends on the record (`maxSteps`). */
const maxLoopDepth = 3

const loops = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])

type AstNode = ParseResult['ast']
export type CompiledRule = {
  rule: BusinessRule
  /** A transition rule, as in Kubernetes: says nothing about a record that is new. */
  needsOld: boolean
  nodes: number
  loopDepth: number
  run: ParseResult
}

/**
 * Parses and type-checks the rules of a policy.
 * `self` is the record's new data, `oldSelf` its data before; numbers are doubles, and mix with ints in arithmetic.
 * @returns the rules, or what is wrong with them by JSON pointer into the policy
 */
export function compileRules(rules: readonly BusinessRule[]): {
  rules: CompiledRule[]
  errors: FieldError[]
} {
  const compiled: CompiledRule[] = []
  const errors: FieldError[] = []
  rules.forEach((rule, index) => {
    try {
      compiled.push(compileRule(rule))
    } catch (error) {
      errors.push({ pointer: `/rules/${index}`, detail: reasonOf(error) })
    }
  })
  return { rules: compiled, errors }
}

/** What the rules have against a record; pointers lead into the change. */
export function brokenRules(
  rules: readonly CompiledRule[],
  self: JsonObject,
  oldSelf: JsonObject | null,
): FieldError[] {
  const errors: FieldError[] = []
  let size: number | null = null
  for (const compiled of rules) {
    if (compiled.needsOld && oldSelf === null) continue
    const { rule } = compiled
    const pointer = dataPointer(rule.field)
    if (compiled.loopDepth > 0) {
      size ??= countValues(self) + countValues(oldSelf)
      if (compiled.nodes * size ** compiled.loopDepth > maxSteps) {
        errors.push({ pointer, detail: `the record is too large for the rule ${rule.rule}` })
        continue
      }
    }
    const detail = failure(compiled, self, oldSelf)
    if (detail !== null) errors.push({ pointer, detail })
  }
  return errors
}

function failure({ rule, run }: CompiledRule, self: JsonObject, oldSelf: JsonObject | null): string | null {
  try {
    const result: unknown = run({ self, oldSelf })
    if (result === true) return null
    if (result === false) return rule.message || `does not satisfy ${rule.rule}`
    return `the rule ${rule.rule} gave no boolean`
  } catch (error) {
    return `${rule.message ? `${rule.message}: ` : ''}the rule ${rule.rule} failed: ${reasonOf(error)}`
  }
}

function compileRule(rule: BusinessRule): CompiledRule {
  const parsed = environment.parse(rule.rule)
  const shape = { needsOld: false, nodes: 0, loopDepth: 0 }
  inspect(parsed.ast, 0, shape)
  // The library's own matches() backtracks; ours is linear and has its own name.
  const run = environment.parse(serialize(parsed.ast))
  const check = run.check()
  if (!check.valid) throw check.error ?? new Error('is not valid')
  if (check.type !== 'bool' && check.type !== 'dyn')
    throw new Error(`must be true or false, but is of type ${check.type}`)
  return { rule, ...shape, run }
}

/** Measures an expression and puts the linear `matches` in place of the library's. */
function inspect(
  node: AstNode,
  depth: number,
  shape: { needsOld: boolean; nodes: number; loopDepth: number },
): void {
  shape.nodes++
  shape.loopDepth = Math.max(shape.loopDepth, depth)
  if (node.op === 'id' && node.args === 'oldSelf') shape.needsOld = true
  let inner = depth
  if (node.op === 'rcall') {
    const args = node.args
    const name = args[0]
    if (name === 'bind') throw new Error('cel.bind may not be used')
    if (name === 'matches') {
      const pattern = args[2][0]
      if (pattern?.op !== 'value' || typeof pattern.args !== 'string') {
        throw new Error('the pattern of matches() must be written out')
      }
      linearRegex(pattern.args)
      args[0] = linearMatches
    }
    if (loops.has(name)) {
      inner = depth + 1
      if (inner > maxLoopDepth) throw new Error(`loops may stand ${maxLoopDepth} deep at most`)
    }
  }
  for (const child of children(node.args)) inspect(child, inner, shape)
}

function* children(args: unknown): Generator<AstNode> {
  if (Array.isArray(args)) for (const item of args) yield* children(item)
  else if (typeof args === 'object' && args !== null && 'op' in args) yield args as AstNode
}

const linearMatches = 'matchesLinear'

const environment = (() => {
  const patterns = new Map<string, LinearRegex>()
  const env = new Environment({ limits: { maxAstNodes: maxNodes, maxDepth: 50 } })
    .registerVariable('self', 'map')
    .registerVariable('oldSelf', 'dyn')
    .registerFunction(`string.${linearMatches}(string): bool`, (text: string, pattern: string) => {
      let regex = patterns.get(pattern)
      if (!regex) {
        // Patterns are literals of policies: few. The bound is for policies that change for years.
        if (patterns.size >= 1_000) patterns.clear()
        patterns.set(pattern, (regex = linearRegex(pattern)))
      }
      return regex.test(text)
    })
    .registerOperator('double % double', (a: number, b: number) => a % b)
  const mixed = {
    '+': (a: number, b: number) => a + b,
    '-': (a: number, b: number) => a - b,
    '*': (a: number, b: number) => a * b,
    '/': (a: number, b: number) => a / b,
    '%': (a: number, b: number) => a % b,
  }
  for (const [operator, apply] of Object.entries(mixed)) {
    env.registerOperator(`int ${operator} double`, (a: bigint, b: number) => apply(Number(a), b))
    env.registerOperator(`double ${operator} int`, (a: number, b: bigint) => apply(a, Number(b)))
  }
  return env
})()

function countValues(value: Json | undefined): number {
  if (typeof value !== 'object' || value === null) return 1
  let count = 1
  for (const item of Object.values(value)) count += countValues(item)
  return count
}

/** CEL errors carry a summary beside a message that draws the expression. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'is not valid'
  return 'summary' in error && typeof error.summary === 'string' ? error.summary : error.message
}
