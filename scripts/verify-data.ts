import { parseArgs } from 'node:util'
import { lineOf } from '#lib/server/verification/finding.ts'
import { verifyData, type Progress } from '#lib/server/verification/verify.ts'
import { openData } from './data/open.ts'

const USAGE = `Proves that the tables are the fold of the log, and that nothing was changed since it was written.

npm run verify:data -- [--scope SCOPE] [--json]

  --scope SCOPE   this scope's log and records alone
  --json          a line of JSON for each finding, and one for the whole

Looks at the database of DATABASE_URL, else at the embedded one of HOLDFAST_DATA_DIR, in one view of it: the server may
run. Ends with 0 where all is well, with 1 where something is not, with 2 where it could not look.`

const { values } = parseArgs({
  options: {
    scope: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}

const startedMs = Date.now()
process.exitCode = await run().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return 2
})

async function run(): Promise<number> {
  const data = await openData(process.env)
  try {
    const ask = await data.connect()
    await ask('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    let found = 0
    let last: Progress | null = null
    const onProgress = (progress: Progress) => {
      last = progress
      show(progress)
    }
    for await (const finding of verifyData(ask, { scope: values.scope, secret: data.secret, onProgress })) {
      found++
      show(null)
      console.log(values.json ? JSON.stringify(finding) : lineOf(finding))
    }
    show(null)
    const { commits = 0, ofScopes: scopes = 0 } = (last ?? {}) as Partial<Progress>
    const seconds = (Date.now() - startedMs) / 1_000
    if (values.json)
      console.log(JSON.stringify({ ok: found === 0, findings: found, scopes, commits, seconds }))
    else {
      const looked = `${scopes} scopes, ${commits} commits, ${seconds.toFixed(1)} s`
      console.log(found === 0 ? `All is as it was written: ${looked}.` : `${found} findings: ${looked}.`)
    }
    return found === 0 ? 0 : 1
  } finally {
    await data.close()
  }
}

/** How far it is, on the terminal's last line. */
function show(progress: Progress | null): void {
  if (!process.stderr.isTTY) return
  const { phase = '', scopes = 0, ofScopes = 0, commits = 0 } = progress ?? {}
  process.stderr.write(
    progress ? `\r\x1b[2K${phase}: scope ${scopes} of ${ofScopes}, ${commits} commits` : '\r\x1b[2K',
  )
}
