import { mutants } from '#lib/sim/mutants/mutants.ts'
import { readShownBy, writeShownBy } from '#lib/sim/mutants/shown-by.ts'
import { huntAll } from '#lib/sim/runner/hunt.ts'
import { huntText, verdictText } from '#lib/sim/runner/report.ts'
import type { Narrowing } from '#lib/sim/simulation/plan.ts'

/**
 * Plants the known bugs whose name has a text in it, and looks for the seeds that show them.
 * @returns the names of those that no seed showed
 */
export async function huntMutants(
  seeds: readonly string[],
  options: { threads: number; narrowing: Narrowing; nameHas: string; remembers: boolean },
): Promise<string[]> {
  const began = performance.now()
  const shownBy = readShownBy()
  const chosen = mutants.filter(({ name }) => name.includes(options.nameHas))
  const verdicts = await huntAll(chosen, {
    ...{ threads: options.threads, narrowing: options.narrowing, seeds, shownBy },
    onVerdict: (verdict) => console.log(verdictText(verdict)),
  })
  console.log(`\n${huntText(verdicts, performance.now() - began)}`)
  if (options.remembers) {
    const found = verdicts.flatMap(({ name, found }) => (found ? [[name, found.seed] as const] : []))
    const names = mutants.map(({ name }) => name)
    writeShownBy(names, { ...shownBy, ...Object.fromEntries(found) })
  }
  return verdicts.flatMap(({ name, found }) => (found ? [] : [name]))
}
