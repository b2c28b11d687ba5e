/** What a suite came to. A suite that fell over counts as one failure, whatever it managed before. */
export type Tally = { passed: number; failed: number }

export function add(tallies: Tally[]): Tally {
  return {
    passed: tallies.reduce((sum, { passed }) => sum + passed, 0),
    failed: tallies.reduce((sum, { failed }) => sum + failed, 0),
  }
}
