import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { join, resolve } from 'node:path'
import type { Mutant } from './mutants.ts'

const root = resolve(import.meta.dirname, '../../..')

/** What some mutants call. */
const aids = `
const answersAtFirst = new WeakMap()
function firstAnswers(request, answers) {
  if (!answersAtFirst.has(request)) answersAtFirst.set(request, answers)
  return answersAtFirst.get(request)
}
`

/**
 * Plants a bug into a module that this thread has not loaded yet.
 * @throws Error where the piece it replaces is no longer there, or stands there more than once
 */
export function plant({ name, file, find, replace }: Mutant): void {
  const path = join(root, file)
  const pieces = readFileSync(path, 'utf8').split(find)
  if (pieces.length !== 2) {
    throw new Error(`mutant "${name}": ${file} holds what it replaces ${pieces.length - 1} times, not once`)
  }
  const url = pathToFileURL(path).href
  registerHooks({
    load(loaded, context, next) {
      const read = next(loaded, context)
      return loaded === url
        ? { ...read, source: pieces.join(replace) + (replace.includes('firstAnswers') ? aids : '') }
        : read
    },
  })
}
