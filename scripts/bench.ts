import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { readCpuUse } from './bench/cpu.ts'
import { runRound, summarise, type Contest, type Lane, type Round } from './bench/measure.ts'
import { fillFeed, pullAtTheLimit, pullOverHttp } from './bench/pull.ts'
import { installLimit, pushAtTheLimit, pushOverHttp, replayOverHttp } from './bench/push.ts'
import { formatTable } from './bench/report.ts'
import { startStack, type Stack } from './bench/stack.ts'
import { recordSchema, table } from './bench/workload.ts'

// `npm run bench`: what a push and a pull cost over HTTP, beside the same work by hand-written SQL in the same run.

const help = `Usage: npm run bench -- [options]
  --seconds <n>      each round of each measurement (3)
  --rounds <n>       rounds, interleaved (5)
  --connections <n>  devices that push or pull at once (4)
  --only <text>      only measurements whose name contains this; what they stand against runs too
  --json <file>      writes the result there as well
  --profile <dir>    the server writes a CPU profile there`

const { values: given } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    profile: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (given.help) {
  console.log(help)
  process.exit()
}
const [seconds, rounds, connections] = [given.seconds, given.rounds, given.connections].map((text) => {
  const value = Number(text)
  if (!(value > 0)) throw new RangeError(`${text} is not a number above 0\n${help}`)
  return value
}) as [number, number, number]

const stack = await startStack(process.env['NEXT_DIST_DIR'] ?? '.next', given.profile ?? null)
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort())
const contests: Contest[] = []
try {
  await putPolicy(stack)
  await installLimit(stack)
  await enter(stack)
  const results = summarise(contests, await compete(stack))
  console.log(`\n${formatTable(results)}\n`)
  if (given.json) {
    await mkdir(dirname(given.json), { recursive: true })
    const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version }
    const report = { at: new Date().toISOString(), machine, seconds, rounds, connections, results }
    await writeFile(given.json, `${JSON.stringify(report, null, 2)}\n`)
  }
} finally {
  for (const { close } of contests) await close()
  await stack.stop()
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

type Entry = {
  name: string
  against?: string
  make: (name: string, against: string | null) => Promise<Contest>
}

/** Makes ready what was asked for, and what it stands against. */
async function enter(on: Stack): Promise<void> {
  const push = (size: number, goal: number | null) => (name: string, against: string | null) =>
    pushOverHttp(on, { name, size, connections, scopes: 'own', against, goal })
  const limit = (size: number) => (name: string) => pushAtTheLimit(on, { name, size, connections })
  const crowd = (scopes: 'own' | 'shared', goal: number | null) => (name: string, against: string | null) =>
    pushOverHttp(on, { name, size: 10, connections: 64, scopes, against, goal, pullLimit: 0 })

  const all: Entry[] = [
    { name: 'push 100, SQL function', make: limit(100) },
    { name: 'push 100', against: 'push 100, SQL function', make: push(100, 0.6) },
    { name: 'push 10, SQL function', make: limit(10) },
    { name: 'push 10', against: 'push 10, SQL function', make: push(10, 0.35) },
    { name: 'push 1, SQL function', make: limit(1) },
    { name: 'push 1', against: 'push 1, SQL function', make: push(1, null) },
    {
      name: 'push 100 again, all answered before',
      against: 'push 100',
      make: (name, against) => replayOverHttp(on, { name, size: 100, connections, against, goal: 1 }),
    },
    { name: '64 devices push 10, own scopes', make: crowd('own', null) },
    {
      name: '64 devices push 10, one scope',
      against: '64 devices push 10, own scopes',
      make: crowd('shared', 0.8),
    },
    { name: 'pull 1000, SQL', make: (name) => pullAtTheLimit(on, { name, connections }) },
    {
      name: 'pull 1000',
      against: 'pull 1000, SQL',
      make: (name, against) => pullOverHttp(on, { name, connections, against, goal: 0.4 }),
    },
  ]
  const wanted = all.filter(({ name }) => name.includes(given.only))
  const names = new Set(wanted.flatMap(({ name, against }) => (against ? [name, against] : [name])))
  const entries = all.filter(({ name }) => names.has(name))
  if (entries.some(({ name }) => name.startsWith('pull'))) await fillFeed(on, 10_000)
  for (const { name, against, make } of entries) contests.push(await make(name, against ?? null))
}

/** Rounds of all contests in turn: what else the machine does falls on all of them. */
async function compete({ pids }: Stack): Promise<Map<string, Round[]>> {
  const run = (lanes: Lane[]) => runRound(lanes, () => readCpuUse(pids))
  const requests = new Map<string, number>()
  for (const { name, prepare } of contests) {
    // A round is a number of requests made ready beforehand; a short one first tells how many fill the time.
    await run(prepare(40))
    const trial = await run(prepare(120))
    requests.set(name, Math.max(20, Math.round((trial.requests / trial.seconds) * seconds)))
  }
  const taken = new Map<string, Round[]>(contests.map(({ name }) => [name, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const { name, prepare } of contests) {
      interrupted.signal.throwIfAborted()
      progress(`round ${round} of ${rounds}: ${name}`)
      taken.get(name)!.push(await run(prepare(requests.get(name)!)))
    }
  }
  progress('')
  return taken
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`)
}
