import { spawnSync } from 'node:child_process'
import { resourceUsage } from 'node:process'
import { parseArgs } from 'node:util'
import { replayText } from '#lib/sim/replay/text/replay-text.ts'
import { readTrace, SAMPLE_FILE } from '#lib/sim/replay/text/trace.ts'
import { twoWriters, ways, type Way } from '#lib/sim/replay/text/writers.ts'

const USAGE = `Lets two devices type a text as two people once did, at the same time, and compares what came of it.

npm run replay:text -- [--file trace.json.gz] [--as ot|crdt|both]

  --file FILE    an editing trace of two writers, as JSON        (the sample in lib/sim/data)
  --as WAY       ot: a text field of deltas; crdt: of Yjs states; both   (both)

Every push is decided by the push path's own code, without a database. Yjs alone runs in the same way, to compare with.
Ends with 1 if a text is not the trace's endContent.`

const { values } = parseArgs({
  options: {
    file: { type: 'string' },
    as: { type: 'string', default: 'both' },
    /** One way, in a process of its own: its peak memory is its own. */
    alone: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
const asked: Way[] = values.as === 'both' ? ['ot', 'crdt'] : ways.filter((way) => way === values.as)
if (values.help || asked.length === 0) {
  console.error(USAGE)
  process.exit(values.help ? 0 : 2)
}

const alone = ways.find((way) => way === values.alone)
if (alone) await runAlone(alone)
else runBesideYjs()

async function runAlone(way: Way): Promise<void> {
  const trace = await readTrace(values.file ?? SAMPLE_FILE)
  const { writers, server } = twoWriters(way)
  const before = resourceUsage().userCPUTime
  const startedMs = performance.now()
  replayText(trace, writers)
  const seconds = (performance.now() - startedMs) / 1000
  const cpuSeconds = (resourceUsage().userCPUTime - before) / 1e6
  const isRight = writers.every((writer) => writer.text() === trace.endContent)
  const megabytes = Math.round(resourceUsage().maxRSS / 1024)
  const pushes = server ? String(server.versions.length) : '–'
  console.log(
    [
      way.padEnd(6),
      pushes.padStart(8),
      `${cpuSeconds.toFixed(1)} s`.padStart(10),
      `${seconds.toFixed(1)} s`.padStart(10),
      `${megabytes} MB`.padStart(10),
      `   ${isRight ? 'endContent' : 'ANOTHER TEXT'}`,
    ].join(''),
  )
  process.exitCode = isRight ? 0 : 1
}

function runBesideYjs(): void {
  console.log('way     versions processor   elapsed peak memory  result')
  for (const way of [...asked, 'yjs']) {
    const file = values.file ? ['--file', values.file] : []
    const child = spawnSync(process.execPath, [import.meta.filename, '--alone', way, ...file], {
      stdio: 'inherit',
    })
    if (child.status !== 0) process.exitCode = 1
  }
}
