import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { readMerges, SAMPLE_FILE } from '#lib/sim/merges.ts'
import { replayAll } from '#lib/sim/replay/replay-all.ts'
import { startStack } from './bench/stack.ts'

const USAGE = `Makes real merges happen again on a server, with two devices each, and compares what came of them.

npm run replay:merges -- [--file merges.jsonl.gz] [--url URL --api-key KEY --enrollment-key KEY]

  --file FILE         merges, one JSON object a line                    (the sample in lib/sim/data)
  --limit N           only the first N merges; 0 for all                (0)
  --parallel N        merges under way at the same time                 (4)
  --url URL           a running server; without it one is started for the run and removed after it
  --api-key KEY       an admin's, to set table policies; also HOLDFAST_API_KEY
  --enrollment-key KEY  for any scope; also HOLDFAST_ENROLLMENT_KEY

Ends with 1 if an edit that nobody contradicted was lost.`

const { values } = parseArgs({
  options: {
    file: { type: 'string' },
    limit: { type: 'string', default: '0' },
    parallel: { type: 'string', default: '4' },
    url: { type: 'string' },
    'api-key': { type: 'string', default: process.env['HOLDFAST_API_KEY'] ?? '' },
    'enrollment-key': { type: 'string', default: process.env['HOLDFAST_ENROLLMENT_KEY'] ?? '' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help || (values.url && !(values['api-key'] && values['enrollment-key']))) {
  console.error(USAGE)
  process.exit(values.help ? 0 : 2)
}

const all = await readMerges(values.file ?? SAMPLE_FILE)
const limit = Number(values.limit)
const merges = limit > 0 ? all.slice(0, limit) : all
const server = values.url
  ? {
      origin: values.url,
      apiKey: values['api-key'],
      enrollmentKey: values['enrollment-key'],
      stop: async () => undefined,
    }
  : await startStack(process.env['NEXT_DIST_DIR'] ?? '.next', null)

try {
  const startedMs = Date.now()
  const summary = await replayAll(merges, {
    baseUrl: server.origin,
    apiKey: server.apiKey,
    enrollmentKey: server.enrollmentKey,
    run: `replay-${randomBytes(4).toString('hex')}`,
    parallel: Math.max(1, Number(values.parallel)),
    onProgress: (done) => {
      if (process.stdout.isTTY) process.stdout.write(`\r${done} of ${merges.length} merges`)
    },
  })
  const seconds = (Date.now() - startedMs) / 1000
  const share = (part: number, whole: number) =>
    whole === 0 ? '–' : `${((100 * part) / whole).toFixed(2)} %`
  const outcomes = [...summary.outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', ')
  console.log(`${process.stdout.isTTY ? '\r' : ''}merges                      ${summary.merges}
records                     ${summary.records}
as the people settled it    ${summary.asSettled} (${share(summary.asSettled, summary.records)})
one-sided edits             ${summary.oneSided}
one-sided edits lost        ${summary.oneSidedLost}
both-sided edits            ${summary.bothSided}: ${outcomes || 'none'}
time                        ${seconds.toFixed(1)} s (${Math.round(summary.records / seconds)} records/s)`)
  for (const { table, id } of summary.lost.slice(0, 20)) console.error(`lost: ${table}/${id}`)
  process.exitCode = summary.oneSidedLost > 0 ? 1 : 0
} finally {
  await server.stop()
}
