import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { readCpuUse } from './bench/cpu.ts'
import { measureGrowth } from './bench/growth.ts'
import { runRound, summarise, type Contest, type Result, type Round } from './bench/measure.ts'
import { parts } from './bench/parts.ts'
import { installLimit, warmUp } from './bench/push.ts'
import { formatTable } from './bench/report.ts'
import { startStack, type Stack } from './bench/stack.ts'
import { recordSchema, table } from './bench/workload.ts'

// `npm run bench`: what syncs cost over HTTP, beside the same work by hand-written SQL and by others in the same run.

const help = `Usage: npm run bench -- [options]
  --only <parts>     of ${Object.keys(parts).join(', ')}, growth; comma-separated (all of them)
  --seconds <n>      each round of each measurement (1)
  --rounds <n>       rounds, interleaved (3)
  --changes <n>      how far the log grows in the part "growth" (100000)
  --json <file>      writes the result there as well
  --profile <dir>    the server writes a CPU profile there`

const { values: given } = parseArgs({
  options: {
    only: { type: 'string', default: [...Object.keys(parts), 'growth'].join(',') },
    seconds: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    changes: { type: 'string', default: '100000' },
    json: { type: 'string' },
    profile: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (given.help) {
  console.log(help)
  process.exit()
}
const [seconds, rounds, changes] = [given.seconds, given.rounds, given.changes].map((text) => {
  const value = Number(text)
  if (!(value > 0)) throw new RangeError(`${text} is not a number above 0\n${help}`)
  return value
}) as [number, number, number]
const chosen = given.only.split(',')
const unknown = chosen.find((name) => name !== 'growth' && !Object.hasOwn(parts, name))
if (unknown !== undefined) throw new RangeError(`There is no part "${unknown}".\n${help}`)

const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? '', node: process.version }
console.log(`${machine.cpus} × ${machine.model}, Node ${machine.node}, ${rounds} rounds of ${seconds} s`)
const stack = await startStack(process.env['NEXT_DIST_DIR'] ?? '.next', given.profile ?? null)
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort())
const results: Record<string, Result[]> = {}
try {
  await putPolicy(stack)
  await installLimit(stack)
  progress('warming up')
  await warmUp(stack)
  for (const [name, enter] of Object.entries(parts)) {
    if (!chosen.includes(name)) continue
    progress(`${name}: making ready`)
    const contests = await enter(stack)
    try {
      results[name] = summarise(contests, await compete(contests))
    } finally {
      for (const { close } of contests) await close()
    }
    progress('')
    // A part that says why it cannot be measured here has no contests.
    if (contests.length > 0) console.log(`\n${formatTable(results[name])}`)
  }
  if (chosen.includes('growth')) {
    results['growth'] = await measureGrowth(stack, { changes, seconds, compete })
    progress('')
    console.log(`\n${formatTable(results['growth'])}`)
  }
  if (given.json) {
    await mkdir(dirname(given.json), { recursive: true })
    const report = { at: new Date().toISOString(), machine, seconds, rounds, results }
    await writeFile(given.json, `${JSON.stringify(report, null, 2)}\n`)
  }
} finally {
  // The database is no child of ours that would keep us waiting for its end.
  const alive = setInterval(() => undefined, 1_000)
  await stack.stop()
  clearInterval(alive)
}

/** Validated on every push, and settled by clock. */
async function putPolicy({ origin, apiKey }: Stack): Promise<void> {
  const reply = await fetch(`${origin}/api/v1/tables/${table}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ strategy: 'lww', schema: recordSchema, rules: ['self.priority >= 0'] }),
  })
  if (!reply.ok) throw new Error(`the table's policy was refused: ${reply.status} ${await reply.text()}`)
}

/** Rounds of all contests in turn: what else the machine does falls on all of them. */
async function compete(contests: readonly Contest[]): Promise<Map<string, Round[]>> {
  const run = ({ prepare, serverPid }: Contest, requests: number) =>
    runRound(prepare(requests), () =>
      readCpuUse({ postgres: stack.pids.postgres, server: serverPid ?? stack.pids.server }),
    )
  const requests = new Map<string, number>()
  for (const contest of contests) {
    // A round is a number of requests made ready beforehand; a short one first tells how many fill the time.
    await run(contest, 30)
    const trial = await run(contest, 70)
    requests.set(contest.name, Math.max(20, Math.round((trial.requests / trial.seconds) * seconds)))
  }
  const taken = new Map<string, Round[]>(contests.map(({ name }) => [name, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const contest of contests) {
      interrupted.signal.throwIfAborted()
      progress(`round ${round} of ${rounds}: ${contest.name}`)
      taken.get(contest.name)!.push(await run(contest, requests.get(contest.name)!))
    }
  }
  return taken
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`)
}
