import { RE2JS } from 're2js'

/** Longer patterns are a mistake, and make large automata. */
const maxPatternLength = 500

/** A pattern of a policy, matched in time linear in the text (RE2): no pattern can stall the server. */
export type LinearRegex = { test(text: string): boolean }

/**
 * Patterns of schemas and rules are written by people, and a backtracking engine can be stalled by one.
 * RE2 has no backreferences and no lookaround; a policy that uses them is refused.
 * @throws Error where the pattern is too long or RE2 does not know its syntax
 */
export function linearRegex(pattern: string): LinearRegex {
  if (pattern.length > maxPatternLength)
    throw new Error(`a pattern may have ${maxPatternLength} characters at most`)
  const compiled = RE2JS.compile(pattern)
  return { test: (text) => compiled.matcher(text).find() }
}
