const nameWidth = 12

/**
 * Runs a step and says how it went: `✓ Database    PostgreSQL on port 41234  0.4 s`. On a terminal the line
 * is there, with a dot, while the step runs; elsewhere it appears when the step is done.
 * @param run returns what to say about the outcome, null to say nothing
 */
export async function step<T extends string | null>(name: string, run: () => Promise<T>): Promise<T> {
  const isTerminal = process.stdout.isTTY
  const startedAt = performance.now()
  const label = name.padEnd(nameWidth)
  if (isTerminal) process.stdout.write(`  · ${label}`)
  try {
    const outcome = await run()
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    if (isTerminal) process.stdout.write('\r\x1b[2K')
    if (outcome !== null) process.stdout.write(`  ✓ ${label}${outcome}  ${dim(`${seconds} s`)}\n`)
    return outcome
  } catch (error) {
    if (isTerminal) process.stdout.write('\r\x1b[2K')
    process.stdout.write(`  ✗ ${label}\n`)
    throw error
  }
}

/** Says something that happened after the start: a restart, a stop. */
export function say(text: string): void {
  process.stdout.write(`  ${text}\n`)
}

export function bold(text: string): string {
  return process.stdout.isTTY ? `\x1b[1m${text}\x1b[22m` : text
}

export function dim(text: string): string {
  return process.stdout.isTTY ? `\x1b[2m${text}\x1b[22m` : text
}
