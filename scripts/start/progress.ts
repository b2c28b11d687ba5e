const nameWidth = 12
const tickMs = 1_000

// Whoever listened may have gone; that is no reason to fall.
process.stdout.on('error', () => undefined)

/**
 * Runs a step and says how it went: `✓ Database    PostgreSQL on port 41234  0.4 s`. On a terminal the line
 * is there while the step runs, with the seconds it has taken; elsewhere it appears when the step is done.
 * @param run returns what to say about the outcome, null to say nothing
 */
export async function step(name: string, run: () => Promise<string | null>): Promise<void> {
  const label = name.padEnd(nameWidth)
  const startedAt = performance.now()
  const seconds = (digits: number) => `${((performance.now() - startedAt) / 1000).toFixed(digits)} s`
  const show = () => overwrite(`  · ${label}${dim(seconds(0))}`)
  show()
  const ticking = process.stdout.isTTY ? setInterval(show, tickMs) : undefined
  try {
    const outcome = await run()
    overwrite('')
    if (outcome !== null) process.stdout.write(`  ✓ ${label}${outcome}  ${dim(seconds(1))}\n`)
  } catch (error) {
    overwrite('')
    process.stdout.write(`  ✗ ${label}\n`)
    throw error
  } finally {
    clearInterval(ticking)
  }
}

/** Replaces the line the cursor is on. What is not a terminal has no such line. */
function overwrite(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[2K${text}`)
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
