import { readFile, rm } from 'node:fs/promises'
import { z } from 'zod'
import { ensureChromium } from './chromium.ts'
import { runProgram } from './program.ts'
import type { Tally } from './tally.ts'

const outputFile = 'test-results/playwright.json'
const report = z.object({
  stats: z.object({ expected: z.number(), unexpected: z.number(), flaky: z.number() }),
})

/** Runs the browser tests; gets a Chromium first if the machine has none. */
export async function runPlaywright(): Promise<Tally> {
  await ensureChromium()
  await rm(outputFile, { force: true })
  const isHappy = await runProgram('node_modules/@playwright/test/cli.js', ['test', '--reporter=list,json'], {
    PLAYWRIGHT_JSON_OUTPUT_FILE: outputFile,
  })
  const { stats } = report.parse(JSON.parse(await readFile(outputFile, 'utf8')))
  // A test that passes only sometimes has failed.
  const failed = stats.unexpected + stats.flaky
  return { passed: stats.expected, failed: Math.max(failed, isHappy ? 0 : 1) }
}
