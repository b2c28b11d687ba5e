import { applyUpdate, Doc, encodeStateAsUpdate, mergeUpdates, type Text } from 'yjs'
import type { TextOps } from '../text/delta.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { agree, includes, readHistory, type History } from './text-history.ts'
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
    const edited = historyOf(after)
    if (before && !includes(edited, historyOf(before))) {
      return fault('drops or rewrites what was written before: send the whole state, edited')
    }
    if (!known || known.update === before?.update || known.update === after.update) return null
    // Whichever of two tales is read first would count, and the order of arrival would decide.
    if (!agree(edited, historyOf(known))) {
      return fault(
        'tells other things of edits that the server knows: a copied device needs a Yjs client id of its own',
      )
    }
    const joined = readHistory(mergeUpdates([bytesOf(known.update), bytesOf(after.update)]))
    return 'fault' in joined ? fault(`cannot be joined with the record's text: ${joined.fault}`) : null
  },
}

/** The text itself. */
export function textOf(state: TextState): string {
  return rootOf(documentOf([state.update]), state).toJSON()
}

/**
 * The text with some of it replaced; positions count UTF-16 code units.
 * @param client the Yjs client id of who writes: a number below 2^32 that nobody else has ever used in this text
 */
export function editText(state: TextState, client: number, splices: readonly Splice[]): TextState {
  const doc = documentOf([state.update])
  doc.clientID = client
  const shared = rootOf(doc, state)
  doc.transact(() => {
    for (const { at, remove = 0, insert = '' } of splices) {
      if (remove > 0) shared.delete(at, remove)
      if (insert !== '') shared.insert(at, insert)
    }
  })
  return stateOf([toBase64(encodeStateAsUpdate(doc))])
}

/** Some of a text replaced. */
type Splice = { at: number; remove?: number; insert?: string }

/** The steps of an edit as what they replace, one after the other. */
export function splicesOf(ops: TextOps): Splice[] {
  let at = 0
  const splices: Splice[] = []
  for (const op of ops) {
    if ('retain' in op) at += op.retain
    else if ('delete' in op) splices.push({ at, remove: op.delete })
    else {
      splices.push({ at, insert: op.insert })
      at += op.insert.length
    }
  }
  return splices
}

/** How much a client has ever written into a text, in UTF-16 code units: its Yjs clock. */
export function writtenBy(state: TextState, client: number): number {
  return (historyOf(state).runs.get(client) ?? []).reduce((sum, run) => sum + run.length, 0)
}

function updateFault(update: unknown): CrdtFault | null {
  if (typeof update !== 'string') return fault('must be base64')
  const read = readUpdate(update)
  return 'fault' in read ? fault(read.fault) : null
}

/** Of a well-formed state. */
function historyOf({ update }: TextState): History {
  const read = readUpdate(update)
  if ('fault' in read) throw new TypeError(`a text state ${read.fault}`)
  return read.history
}

/** One decision looks at the same three states again and again. */
const lately = new Map<string, ReturnType<typeof readHistory>>()
const latelyMax = 6

function readUpdate(update: string): ReturnType<typeof readHistory> {
  const known = lately.get(update)
  if (known) return known
  const bytes = fromBase64(update)
  const read = bytes === null ? { fault: 'must be base64' } : readHistory(bytes)
  lately.set(update, read)
  if (lately.size > latelyMax) lately.delete(lately.keys().next().value!)
  return read
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

function rootOf(doc: Doc, state: TextState): Text {
  return doc.getText(historyOf(state).root ?? defaultRoot)
}

function bytesOf(update: string): Uint8Array {
  const bytes = fromBase64(update)
  if (bytes === null) throw new TypeError('a text state must be base64')
  return bytes
}
