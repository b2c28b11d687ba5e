/** How two sequences agree: stretches that are the same in both, in order. */
type Common = { before: number; after: number; length: number }

/**
 * What two sequences have in common, the rest being the shortest edit between them: greedy, forward.
 * @param maxEdits gives up where more elements than this were put in or taken out; time is bounded by their length times this
 * @returns null where it gave up
 * @see Myers, "An O(ND) Difference Algorithm and Its Variations" (1986)
 */
export function commonParts(before: Uint32Array, after: Uint32Array, maxEdits: number): Common[] | null {
  const most = Math.min(maxEdits, before.length + after.length)
  const offset = most + 1
  /** How far each diagonal (elements taken out minus put in) reaches in `before`. */
  const reach = new Int32Array(2 * most + 3)
  const trace: Int32Array[] = []
  for (let edits = 0; edits <= most; edits++) {
    trace.push(reach.slice(offset - edits - 1, offset + edits + 2))
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const isInsert = isDown(reach, offset, diagonal, edits)
      let x = isInsert ? reach[offset + diagonal + 1]! : reach[offset + diagonal - 1]! + 1
      let y = x - diagonal
      while (x < before.length && y < after.length && before[x] === after[y]) {
        x++
        y++
      }
      reach[offset + diagonal] = x
      if (x >= before.length && y >= after.length) return backtrack(trace, before.length, after.length)
    }
  }
  return null
}

/** Whether the furthest way to a diagonal puts an element in, rather than taking one out. */
function isDown(reach: Int32Array, offset: number, diagonal: number, edits: number): boolean {
  if (diagonal === -edits) return true
  return diagonal !== edits && reach[offset + diagonal - 1]! < reach[offset + diagonal + 1]!
}

/** @param trace how far the diagonals reached before each edit, from diagonal `-edits - 1` on */
function backtrack(trace: readonly Int32Array[], beforeLength: number, afterLength: number): Common[] {
  const parts: Common[] = []
  let [x, y] = [beforeLength, afterLength]
  for (let edits = trace.length - 1; edits > 0; edits--) {
    const reach = trace[edits]!
    const offset = edits + 1
    const diagonal = x - y
    const down = isDown(reach, offset, diagonal, edits)
    const fromX = reach[offset + diagonal + (down ? 1 : -1)]!
    const fromY = fromX - (diagonal + (down ? 1 : -1))
    const start = down ? fromX : fromX + 1
    if (x > start) parts.push({ before: start, after: start - diagonal, length: x - start })
    ;[x, y] = [fromX, fromY]
  }
  if (x > 0) parts.push({ before: 0, after: 0, length: x })
  return parts.toReversed()
}
