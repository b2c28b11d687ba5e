import { invariants, type Invariant } from '../simulation/oracle/invariants.ts'
import { happenings, type Narrowing } from '../simulation/plan.ts'
import type { Outcome } from '../simulation/simulate.ts'
import type { Verdict } from './hunt.ts'

/** What many simulations came to. */
export class Tally {
  seeds = 0
  ms = 0
  virtualMs = 0
  steps = 0
  readonly counts = new Map<string, number>()
  readonly checks = new Map<Invariant, number>()
  readonly violations = new Map<Invariant, string[]>()
  /** Seeds in which each thing happened. */
  readonly within = new Map<string, number>()

  add(seed: string, ms: number, { counts, checks, violation, virtualMs, steps }: Outcome): void {
    this.seeds++
    this.ms += ms
    this.virtualMs += virtualMs
    this.steps += steps
    for (const [name, count] of counts) {
      this.counts.set(name, (this.counts.get(name) ?? 0) + count)
      if (count > 0) this.within.set(name, (this.within.get(name) ?? 0) + 1)
    }
    for (const [name, count] of checks) this.checks.set(name, (this.checks.get(name) ?? 0) + count)
    if (violation) {
      this.violations.set(violation.invariant, [...(this.violations.get(violation.invariant) ?? []), seed])
    }
  }

  /** Tables of the invariants, of what happened, and of what came of it. */
  text(): string {
    const line = (...cells: (string | number)[]) =>
      cells.map((cell, index) => (index === 0 ? String(cell).padEnd(22) : String(cell).padStart(12))).join('')
    const others = [...this.counts.keys()]
      .filter((name) => !happenings.some((known) => known === name))
      .toSorted()
    return [
      line('invariant', 'checks', 'violations'),
      ...invariants.map((name) =>
        line(name, this.checks.get(name) ?? 0, this.violations.get(name)?.length ?? 0),
      ),
      '',
      line('what happened', 'times', 'in seeds'),
      ...[...happenings, ...others].map((name) =>
        line(name, this.counts.get(name) ?? 0, this.within.get(name) ?? 0),
      ),
    ].join('\n')
  }
}

/** A failure, so that it can be seen again: the seed, what was taken away, and the end of its trace. */
export function failureText(
  seed: string,
  narrowing: Narrowing,
  { plan, violation, trace, traceHash }: Outcome,
  options = '',
): string {
  const { devices, servers, safetyMs, rates } = plan
  return [
    `seed ${seed}: ${violation?.invariant ?? 'nothing'} after ${((violation?.atMs ?? 0) / 1_000).toFixed(1)} s: ${violation?.detail}`,
    `  ${devices} devices, ${servers} servers, ${safetyMs / 1_000} s of trouble: ${Object.keys(rates).join(' ') || 'none'}`,
    `  trace ${traceHash}; again with: npm run sim -- ${options}--seed ${seed} --narrowing '${JSON.stringify(narrowing)}' --trace`,
    ...trace.map((text) => `  ${text}`),
  ].join('\n')
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`

/** What came of the hunt for one planted bug, in a line, with whatever proved nothing below it. */
export function verdictText({ name, found, tried, unsound, breaks, ms }: Verdict): string {
  const seeds = tried === 1 ? '1 seed' : `${tried} seeds`
  return [
    `${found ? 'caught' : 'MISSED'}  ${name}: ${found ? `${found.invariant} at seed ${found.seed}, ` : ''}${seeds}, ${seconds(ms)}`,
    ...(unsound.length > 0 ? [`        fails without it, too: ${unsound.join(' ')}`] : []),
    ...breaks.slice(0, 3).map((what) => `        breaks the simulation: ${what}`),
  ].join('\n')
}

/** A table of planted bugs, and how many were caught. */
export function huntText(verdicts: readonly Verdict[], ms: number): string {
  const width = Math.max(...verdicts.map(({ name }) => name.length), 0)
  const line = (...[name, invariant, ...rest]: [string, string, string, string, string]) =>
    [name.padEnd(width), invariant.padEnd(16), ...rest.map((cell) => cell.padStart(8))].join('  ')
  const caught = verdicts.filter(({ found }) => found).length
  return [
    line('planted bug', 'invariant', 'seed', 'tried', 'time'),
    ...verdicts.map(({ name, found, tried, ms: own }) =>
      line(name, found?.invariant ?? 'MISSED', found?.seed ?? '', String(tried), seconds(own)),
    ),
    '',
    `${caught} of ${verdicts.length} caught in ${seconds(ms)}`,
  ].join('\n')
}
