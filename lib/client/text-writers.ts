import { editText, splicesOf, writtenBy, type TextState } from '#lib/core/crdt/text.ts'
import type { TextOps } from '#lib/core/text/delta.ts'
import type { Random } from './ports.ts'

/** As many texts as are likely to be edited in turns; for others a new id is drawn. */
const REMEMBERED = 100

/**
 * Writes into Yjs texts. Yjs names each letter by who wrote it (a number below 2^32) and how many that one wrote before,
 * and two letters of one name destroy the text. So an id is used again only where the text still holds all that was
 * written under it, and is kept in memory alone: a copy of the device, or one put back from a backup, or an edit that
 * was refused and begun anew, writes under another.
 */
export interface TextWriters {
  /** @param place names the text on this device */
  edit(place: string, state: TextState, ops: TextOps): TextState
}

export function createTextWriters(random: Random): TextWriters {
  const lately = new Map<string, { client: number; written: number }>()
  return {
    edit(place, state, ops) {
      const known = lately.get(place)
      let client = known && writtenBy(state, known.client) === known.written ? known.client : null
      while (client === null) {
        const drawn = new DataView(random.bytes(4).buffer).getUint32(0)
        if (writtenBy(state, drawn) === 0) client = drawn
      }
      const edited = editText(state, client, splicesOf(ops))
      lately.delete(place)
      lately.set(place, { client, written: writtenBy(edited, client) })
      const oldest = lately.keys().next()
      if (lately.size > REMEMBERED && !oldest.done) lately.delete(oldest.value)
      return edited
    },
  }
}
