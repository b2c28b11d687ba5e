/**
 * A well-formed Yjs update made to hurt: every one of its edits claims the same place, and an end of its own, so that
 * placing each passes all before it. 20,000 of them keep Yjs busy for most of a minute.
 */
export function slowUpdate(edits: number): Uint8Array {
  const isText = 4
  const hasRight = 0x40
  const bytes = [1, ...varint(edits + 1), 1, 0]
  bytes.push(isText, 1, ...string('t'), ...string('z'.repeat(edits)))
  for (let end = edits - 1; end >= 0; end--) bytes.push(isText | hasRight, 1, ...varint(end), ...string('x'))
  return Uint8Array.from([...bytes, 0])
}

/** As lib0 writes an unsigned integer: seven bits a byte, the lowest first. */
export function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]
}

function string(ascii: string): number[] {
  return [...varint(ascii.length), ...Array.from(ascii, (letter) => letter.charCodeAt(0))]
}
