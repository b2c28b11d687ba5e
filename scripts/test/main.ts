import { ensureBuild } from '../start/build.ts'
import { verify } from '../verify.ts'
import { runPlaywright } from './playwright.ts'
import { add, type Tally } from './tally.ts'
import { runVitest } from './vitest.ts'

// `npm test`: everything, cheapest first. The last line is the sum: `N passed, N failed`.

// The tests start servers of their own; whatever the caller's shell is set up for is none of their business.
for (const name of Object.keys(process.env)) {
  if (/^(HOLDFAST_|OTEL_|DATABASE_URL$|PORT$|HOST$|WORKER$|NEXT_DIST_DIR$)/.test(name))
    delete process.env[name]
}

const startedAt = performance.now()
const suites: { name: string; tally: Tally }[] = []

await suite('Static checks', verify)
await suite('Production build', build)
await suite('Pure and Postgres tests', () => runVitest(['pure', 'pg']))
await suite('Starting and stopping', () => runVitest(['process']))
await suite('Browser', runPlaywright)

console.log()
for (const { name, tally } of suites) {
  console.log(`  ${name.padEnd(26)}${tally.passed} passed, ${tally.failed} failed`)
}
const { passed, failed } = add(suites.map(({ tally }) => tally))
console.log(`  ${'Time'.padEnd(26)}${((performance.now() - startedAt) / 60_000).toFixed(1)} min\n`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

async function suite(name: string, run: () => Promise<Tally>): Promise<void> {
  console.log(`\n${name}\n`)
  try {
    suites.push({ name, tally: await run() })
  } catch (error) {
    console.error(error)
    suites.push({ name, tally: { passed: 0, failed: 1 } })
  }
}

async function build(): Promise<Tally> {
  await ensureBuild('.next')
  return { passed: 1, failed: 0 }
}
