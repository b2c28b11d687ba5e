import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const file = join(import.meta.dirname, 'shown-by.json')

/** The seed that showed each planted bug last, by its name. A hunt tries it first; as the product moves, it may no longer show it. */
export function readShownBy(): Record<string, string> {
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>
}

/** @param names every planted bug, in their order: what is known of others goes */
export function writeShownBy(names: readonly string[], shownBy: Readonly<Record<string, string>>): void {
  const entries = names.flatMap((name) => {
    const seed = shownBy[name]
    return seed === undefined ? [] : [[name, seed]]
  })
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`)
}
