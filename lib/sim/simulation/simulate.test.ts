import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { mutants } from '../mutants/mutants.ts'
import { readShownBy } from '../mutants/shown-by.ts'
import { huntAll } from '../runner/hunt.ts'
import { runSeeds } from '../runner/pool.ts'
import { simulate } from './simulate.ts'

/** The same ones always, and one that nobody has seen yet. */
const seeds = [...['1', '2', '3', '4', '5', '6', '7', '9'], ...fresh(1)]

function fresh(count: number): string[] {
  const found = Array.from({ length: count }, () => randomBytes(4).toString('hex'))
  console.log(`fresh seeds of the simulation: ${found.join(' ')}`)
  return found
}

test('no invariant breaks', { timeout: 120_000 }, async () => {
  const failed: string[] = []
  await runSeeds(seeds, 2, ({ seed, outcome, error }) => {
    const { violation } = outcome ?? {}
    if (error || violation)
      failed.push(`seed ${seed}: ${error ?? `${violation?.invariant}: ${violation?.detail}`}`)
    return true
  })
  expect(failed).toEqual([])
})

test('a seed is lived through the same way every time', { timeout: 60_000 }, async () => {
  const [once, again] = [await simulate('2'), await simulate('2')]
  expect(again.traceHash).toBe(once.traceHash)
  expect((await simulate('3')).traceHash).not.toBe(once.traceHash)
})

const planted = [
  'acknowledged before it is committed',
  'the token covers more than was returned',
  'an operation that was sent takes new content',
]

test.each(planted)('found: %s', { timeout: 120_000 }, async (name) => {
  const mutant = mutants.find((each) => each.name === name)
  expect(mutant).toBeDefined()
  const seeds = Array.from({ length: 30 }, (_, index) => String(index + 1))
  const shownBy = readShownBy()
  const [verdict] = await huntAll([mutant!], { threads: 1, seeds, shownBy, onVerdict: () => {} })
  expect(verdict).toMatchObject({ name, found: { seed: expect.any(String) } })
})
