import { describe, expect, it } from 'vitest'
import type { SyncSpan } from '#lib/protocol/syncs.ts'
import { buildWaterfall } from './span-tree.ts'

const span = (id: string, parent: string | null, offset: number, duration: number): SyncSpan => ({
  id,
  parent_id: parent,
  name: id,
  offset_ms: offset,
  duration_ms: duration,
  failed: false,
  attributes: {},
})

describe('buildWaterfall', () => {
  it('puts parents before children and siblings by their beginning', () => {
    const { rows } = buildWaterfall([
      span('commit', 'push', 8, 2),
      span('push', 'root', 1, 9),
      span('root', null, 0, 12),
      span('load', 'push', 2, 3),
    ])
    expect(rows.map((row) => [row.span.id, row.depth])).toEqual([
      ['root', 0],
      ['push', 1],
      ['load', 2],
      ['commit', 2],
    ])
  })

  it('keeps a span whose parent was not kept', () => {
    expect(buildWaterfall([span('a', 'gone', 0, 1)]).rows).toHaveLength(1)
  })

  it('spans from the earliest beginning to the latest end', () => {
    expect(buildWaterfall([span('a', null, -5, 3), span('b', null, 2, 8)])).toMatchObject({
      startMs: -5,
      lengthMs: 15,
    })
  })

  it('survives a circle', () => {
    expect(buildWaterfall([span('a', 'b', 0, 1), span('b', 'a', 0, 1)]).rows).toEqual([])
  })
})
