import { afterAll, beforeAll, expect, test } from 'vitest'
import { simulateProcesses } from './simulate-processes.ts'
import { Stack } from './stack.ts'

let stack: Stack
beforeAll(async () => {
  stack = await Stack.start(process.env['NEXT_DIST_DIR'] ?? '.next')
})
afterAll(() => stack.stop())

test('a seed of Simulation B: everything is killed in between, and every invariant holds', async () => {
  const { violation, counts, checks, trace } = await simulateProcesses(stack, '3', {
    ...{ devices: 3, servers: 1, safetyMs: 80_000 },
    // Too long for a test; what they rest on has one of its own.
    without: ['server_restored', 'server_disk_full'],
  })
  expect(violation && `${violation.invariant}: ${violation.detail}\n${trace.join('\n')}`).toBeNull()
  const happened = [...counts.keys()]
  expect(happened).toContain('kill -9 of a server')
  expect(happened.some((name) => name.startsWith('Postgres '))).toBe(true)
  for (const looked of ['AckDurable', 'ExactlyOnce', 'TokenPrefix', 'Convergence', 'AuditReplay'] as const) {
    expect(checks.get(looked)).toBeGreaterThan(0)
  }
})
