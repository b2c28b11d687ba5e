import type { ID } from 'yjs'

/** What was written in one go; Yjs calls it a struct. `content` is null where it was deleted since and is known no more. */
export type Run = {
  client: number
  clock: number
  length: number
  origin: ID | null
  right: ID | null
  content: string | null
}

export function sameId(a: ID | null, b: ID | null): boolean {
  return a === b || (a !== null && b !== null && a.client === b.client && a.clock === b.clock)
}
