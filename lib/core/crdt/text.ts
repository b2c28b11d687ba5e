import { applyUpdate, Doc, encodeStateAsUpdate, mergeUpdates, type Text } from 'yjs'
import { fromBase64, toBase64 } from './base64.ts'
import { readHistory } from './text-history.ts'
import { memberFault, type CrdtFault, type CrdtType } from './type.ts'

/**
 * A text that many write, as the state of a Yjs document with one plain text in it. The whole state, not a step of it.
 * @see https://github.com/yjs/yjs; Nicolaescu et al., "Near Real-Time Peer-to-Peer Shared Editing on Extensible Data Types" (2016)
 */
export type TextState = { $crdt: 'text'; update: string }

/** Nothing written yet. */
export const emptyText: TextState = { $crdt: 'text', update: 'AAA=' }

/** Root of texts made here; a state that others made keeps the name it has. */
const defaultRoot = 'text'

export const text: CrdtType<TextState> = {
  fault: (value) => memberFault(value, ['update']) ?? updateFault(value['update']),
  normal: ({ update }) => stateOf([update]),
  merge: (a, b) => stateOf([a.update, b.update]),
  value: textOf,
  overreach({ before, after, known }) {
    const own = stateOf([after.update]).update
    // Where two histories tell different things of the same letters, whichever is read first counts.
    if (before && stateOf([before.update, after.update]).update !== own) {
      return fault('drops or rewrites what was written before: send the whole state, edited')
    }
    if (!known || known.update === before?.update || known.update === after.update) return null
    const joined = readHistory(mergeUpdates([bytesOf(known.update), bytesOf(after.update)]))
    if ('fault' in joined) return fault(`cannot be joined with the record's text: ${joined.fault}`)
    return stateOf([known.update, after.update]).update === stateOf([after.update, known.update]).update
      ? null
      : fault(
          'tells other things of edits that the server knows: a copied device must take a Yjs client id of its own',
        )
  },
}

/** The text itself. */
export function textOf({ update }: TextState): string {
  return rootOf(documentOf([update]), update).toJSON()
}

/**
 * The text with some of it replaced; positions count UTF-16 code units.
 * @param client the Yjs client id of who writes: a number below 2^32 that nobody else has ever used in this text
 */
export function editText(
  { update }: TextState,
  client: number,
  splices: readonly { at: number; remove?: number; insert?: string }[],
): TextState {
  const doc = documentOf([update])
  doc.clientID = client
  const shared = rootOf(doc, update)
  doc.transact(() => {
    for (const { at, remove = 0, insert = '' } of splices) {
      if (remove > 0) shared.delete(at, remove)
      if (insert !== '') shared.insert(at, insert)
    }
  })
  return stateOf([toBase64(encodeStateAsUpdate(doc))])
}

function updateFault(update: unknown): CrdtFault | null {
  const bytes = typeof update === 'string' ? fromBase64(update) : null
  if (bytes === null) return fault('must be base64')
  const history = readHistory(bytes)
  if ('fault' in history) return fault(history.fault)
  // The decoder reads past what it does not know and skips what is over; integrated and written again it must be whole.
  try {
    const { store } = documentOf([update as string])
    return store.pendingStructs || store.pendingDs ? fault('builds on history that it does not hold') : null
  } catch {
    return fault('is no Yjs update')
  }
}

const fault = (detail: string): CrdtFault => ({ pointer: '/update', detail })

/** The state that includes all of these, in the form that a document has which read it all at once: one for each state. */
function stateOf(updates: readonly string[]): TextState {
  return { $crdt: 'text', update: toBase64(encodeStateAsUpdate(documentOf(updates))) }
}

/** Deleted text is let go (`gc`), whoever deleted it: else a state would differ by who remembers what. */
function documentOf(updates: readonly string[]): Doc {
  const doc = new Doc({ gc: true })
  doc.transact(() => {
    for (const update of updates) applyUpdate(doc, bytesOf(update))
  })
  return doc
}

function rootOf(doc: Doc, update: string): Text {
  const history = readHistory(bytesOf(update))
  return doc.getText(('root' in history ? history.root : null) ?? defaultRoot)
}

function bytesOf(update: string): Uint8Array {
  const bytes = fromBase64(update)
  if (bytes === null) throw new TypeError('a text state must be base64')
  return bytes
}
