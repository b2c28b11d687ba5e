import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { isAlive } from './alive.ts'

const started: ReturnType<typeof spawn>[] = []
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
})

test('this process runs; a number that no process has, or can have, does not', () => {
  expect(isAlive(process.pid)).toBe(true)
  for (const pid of [0, -1, 1.5, Number.NaN, 2 ** 30]) expect(isAlive(pid)).toBe(false)
})

test('a process that ended and that nobody waited for does not run', async () => {
  // The shell starts a child and becomes a program that waits for nobody.
  const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  started.push(parent)
  const [chunk] = (await once(parent.stdout, 'data')) as [Buffer]
  const child = Number.parseInt(chunk.toString(), 10)
  await sleep(400)
  expect(process.kill(child, 0)).toBe(true)
  expect(isAlive(child)).toBe(false)
})
