import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { mutants } from './mutants.ts'
import { readShownBy } from './shown-by.ts'

const root = resolve(import.meta.dirname, '../../..')

test('what each mutant replaces stands in the code, once', () => {
  const counts = mutants.map(({ name, file, find }) => [
    name,
    readFileSync(join(root, file), 'utf8').split(find).length - 1,
  ])
  expect(counts.filter(([, count]) => count !== 1)).toEqual([])
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
  expect(mutants.length).toBeGreaterThanOrEqual(20)
})

test('the seeds that are tried first are of mutants there are', () => {
  const names = new Set(mutants.map(({ name }) => name))
  expect(Object.keys(readShownBy()).filter((name) => !names.has(name))).toEqual([])
})
