import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { lineOf } from '#lib/server/verification/finding.ts'
import { rebuild } from '#lib/server/verification/rebuild.ts'
import { openData } from './data/open.ts'

const USAGE = `Folds the log into the records again, where the two differ.

npm run rebuild -- [--scope SCOPE] [--dry-run]

  --scope SCOPE   this scope alone
  --dry-run       say what differs, write nothing

What is replaced is kept in the table record_replaced and told in the audit. A scope whose log was itself changed is left
alone: restore it from a backup. The server may run meanwhile, and it may be ended at any point and run again.
Ends with 0 where the records are what the log says, with 1 where some are not, with 2 where it could not look.`

const { values } = parseArgs({
  options: {
    scope: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}

process.exitCode = await run().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return 2
})

async function run(): Promise<number> {
  const data = await openData(process.env)
  const runId = randomUUID()
  const isDryRun = values['dry-run']
  try {
    const [look, write] = [await data.connect(), await data.connect()]
    await look('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const rebuilding = rebuild(
      { look, write },
      { scope: values.scope, secret: data.secret, run: runId, isDryRun },
    )
    for (;;) {
      const { done, value } = await rebuilding.next()
      if (!done) {
        console.log(lineOf(value))
        continue
      }
      const { scopes, differing, replaced, refused } = value
      console.log(
        `${scopes} scopes, ${differing} records differed, ${replaced} replaced` +
          (replaced > 0 ? ` (record_replaced, run ${runId})` : '') +
          (refused > 0 ? `; ${refused} scopes left alone, because their log was changed` : ''),
      )
      return refused > 0 || (isDryRun && differing > 0) ? 1 : 0
    }
  } finally {
    await data.close()
  }
}
