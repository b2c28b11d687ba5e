import type { SyncSpan } from '#lib/protocol/syncs.ts'

/** A span in its place in the waterfall. */
export type PlacedSpan = { span: SyncSpan; depth: number }

export type Waterfall = {
  rows: PlacedSpan[]
  /** The stretch of time that the rows lie in, ms. */
  startMs: number
  lengthMs: number
}

/**
 * Spans as a waterfall: parents before children, siblings by their beginning. A span whose parent was not kept
 * stands at the top, so that none is lost.
 */
export function buildWaterfall(spans: readonly SyncSpan[]): Waterfall {
  const known = new Set(spans.map((span) => span.id))
  const children = Map.groupBy(spans, (span) =>
    span.parent_id !== null && known.has(span.parent_id) ? span.parent_id : '',
  )
  const rows: PlacedSpan[] = []
  const placed = new Set<string>()
  const place = (parent: string, depth: number) => {
    for (const span of (children.get(parent) ?? []).toSorted((a, b) => a.offset_ms - b.offset_ms)) {
      if (placed.has(span.id)) continue
      placed.add(span.id)
      rows.push({ span, depth })
      place(span.id, depth + 1)
    }
  }
  place('', 0)
  const startMs = Math.min(0, ...spans.map((span) => span.offset_ms))
  const endMs = Math.max(startMs, ...spans.map((span) => span.offset_ms + span.duration_ms))
  return { rows, startMs, lengthMs: Math.max(endMs - startMs, 0.001) }
}
