import Delta, { type OpIterator } from 'quill-delta'
import { isJsonObject, type Json } from '../json.ts'

/**
 * One step through a text, in UTF-16 code units: what is kept, what is put there, what is taken away.
 * `right` is only ever in what a device's edits are moved over (`transformTheirs`).
 */
export type TextOp =
  | { retain: number }
  | { insert: string; attributes?: { right: true } }
  | { delete: number }

/** An edit of a text as steps from its beginning; what is after the last one stays. */
export type TextOps = TextOp[]

/**
 * Steps as a device sends them.
 * @returns the steps, or what is wrong and at which of them
 */
export function readTextOps(
  value: Json | undefined,
): { ops: TextOps } | { at: number | null; detail: string } {
  if (!Array.isArray(value)) return { at: null, detail: 'must be a list of steps' }
  const ops: TextOps = []
  for (const [at, step] of value.entries()) {
    const op = readTextOp(step)
    if (!op)
      return { at, detail: 'must be {"retain": n}, {"delete": n} with n from 1, or {"insert": "text"}' }
    ops.push(op)
  }
  return { ops }
}

function readTextOp(step: Json): TextOp | null {
  if (!isJsonObject(step) || Object.keys(step).length !== 1) return null
  const { retain, insert, delete: removed } = step
  if (isLength(retain)) return { retain }
  if (isLength(removed)) return { delete: removed }
  return typeof insert === 'string' && insert !== '' ? { insert } : null
}

function isLength(value: Json | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1
}

/**
 * The text after an edit.
 * @returns null where the edit does not fit: it goes past the end, or into a character of two code units
 */
export function applyTextOps(text: string, ops: readonly TextOp[]): string | null {
  const parts: string[] = []
  let at = 0
  for (const op of ops) {
    if ('insert' in op) {
      parts.push(op.insert)
      continue
    }
    const from = at
    at += 'retain' in op ? op.retain : op.delete
    if (at > text.length || isWithinPair(text, at)) return null
    if ('retain' in op) parts.push(text.slice(from, at))
  }
  parts.push(text.slice(at))
  return parts.join('')
}

/** Whether a place lies between the two halves of a surrogate pair. */
export function isWithinPair(text: string, at: number): boolean {
  return at > 0 && at < text.length && isHigh(text.charCodeAt(at - 1)) && isLow(text.charCodeAt(at))
}

const isHigh = (unit: number) => unit >= 0xd800 && unit < 0xdc00
const isLow = (unit: number) => unit >= 0xdc00 && unit < 0xe000

/**
 * A device's edit as it is to be made after one that the server had first, of the same text. Where both insert at one
 * place the server's comes first, unless it is marked as right of what the device had deleted there.
 * @see Ellis and Gibbs, "Concurrency Control in Groupware Systems" (1989); https://quilljs.com/docs/delta
 */
export function transformOwn(own: readonly TextOp[], theirs: readonly TextOp[]): TextOps {
  return transform(own, theirs, { isTheirs: false })
}

/**
 * The server's edit as it is to be made after the device's: with `transformOwn` both orders come to one text (TP1).
 *
 * What the server inserted right of text that the device's edit deletes is marked so. Once the deleted text is gone
 * nothing else tells that the device's next insert, made where it deleted, belongs before it.
 */
export function transformTheirs(theirs: readonly TextOp[], own: readonly TextOp[]): TextOps {
  return transform(theirs, own, { isTheirs: true })
}

/** As `Delta.transform` of quill-delta does it, but for what stands first at one place. */
function transform(
  ops: readonly TextOp[],
  over: readonly TextOp[],
  { isTheirs }: { isTheirs: boolean },
): TextOps {
  const [moving, made] = [new Delta.OpIterator([...ops]), new Delta.OpIterator([...over])]
  const moved = new Delta()
  let isRightOfDeleted = false
  while (moving.hasNext() || made.hasNext()) {
    if (
      made.peekType() === 'insert' &&
      (moving.peekType() !== 'insert' || isMadeFirst(moving, made, isTheirs))
    ) {
      moved.retain(Delta.Op.length(made.next()))
    } else if (moving.peekType() === 'insert') {
      const op = moving.next()
      moved.push(isTheirs && isRightOfDeleted ? { ...op, attributes: rightOfDeleted } : op)
    } else {
      const length = Math.min(moving.peekLength(), made.peekLength())
      const [op, madeOp] = [moving.next(length), made.next(length)]
      isRightOfDeleted = madeOp.delete !== undefined
      if (isRightOfDeleted) continue
      if (op.delete === undefined) moved.retain(length)
      else moved.delete(length)
    }
  }
  return opsOf(moved.chop())
}

const rightOfDeleted = { right: true } as const

/** Whether what was made already stands before what is moved, where both insert at one place. */
function isMadeFirst(moving: OpIterator, made: OpIterator, isTheirs: boolean): boolean {
  const theirs = isTheirs ? moving : made
  const isMarked = theirs.ops[theirs.index]?.attributes !== undefined
  return isTheirs === isMarked
}

/** One edit that does what the two do, one after the other. */
export function composeTextOps(first: readonly TextOp[], second: readonly TextOp[]): TextOps {
  return opsOf(new Delta([...first]).compose(new Delta([...second])).chop())
}

/** Plain text comes back from quill-delta as plain text: we never give it embeds, nor formats but our own mark. */
export function opsOf(delta: Delta): TextOps {
  return delta.ops as TextOps
}
