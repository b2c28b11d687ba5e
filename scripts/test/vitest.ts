import { readFile, rm } from 'node:fs/promises'
import { z } from 'zod'
import { runProgram } from './program.ts'
import type { Tally } from './tally.ts'

const report = z.object({
  success: z.boolean(),
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numFailedTestSuites: z.number(),
})

/** Runs projects of vitest.config.ts. A file that cannot even be loaded counts as a failure. */
export async function runVitest(projects: string[]): Promise<Tally> {
  const outputFile = `test-results/vitest-${projects.join('-')}.json`
  await rm(outputFile, { force: true })
  const selection = projects.flatMap((project) => ['--project', project])
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${outputFile}`]
  const isHappy = await runProgram('node_modules/vitest/vitest.mjs', ['run', ...selection, ...reporters])
  const { numPassedTests, numFailedTests } = report.parse(JSON.parse(await readFile(outputFile, 'utf8')))
  return { passed: numPassedTests, failed: Math.max(numFailedTests, isHappy ? 0 : 1) }
}
