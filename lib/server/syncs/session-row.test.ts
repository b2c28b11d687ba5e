import { describe, expect, test } from 'vitest'
import { findUnfaithful } from '#lib/core/json.ts'
import { lamportClock } from '#lib/core/lamport.ts'
import { statusSchema } from '#lib/protocol/sync.ts'
import { toRow } from './session-row.ts'
import { noCounts, type SyncRecord } from './session.ts'

const startedAt = new Date('2026-11-22T08:00:00.000Z')
const record = (reported: object): SyncRecord => ({
  ...{ id: 'r', syncId: null, deviceId: 'd', incarnation: null, startedAt, durationMs: 20, status: 200 },
  ...{ errorCode: null, counts: noCounts, tables: {}, scopes: [], resync: null, requestBytes: 0 },
  ...{ responseBytes: 0, appVersion: '', traceId: null, clockSkewMs: null, acknowledged: null },
  inProgress: false,
  clock: lamportClock(),
  reported: statusSchema.parse({ state: 'IDLE', pending: 1, ...reported }),
})

describe('one report that the database could not hold would lose a whole batch of records', () => {
  test('times before 1970 and after the request are drawn in', () => {
    const year0 = '0000-01-01T00:00:00Z'
    const error = (at: string) => ({ at, code: 'timeout' })
    const row = toRow(
      record({ oldest_pending_at: year0, errors: [error(year0), error('2999-01-01T00:00:00Z')] }),
    )
    expect(row.oldest_pending_at).toBe('1970-01-01T00:00:00.000Z')
    expect(row.events.map(({ at }) => at)).toEqual(['1970-01-01T00:00:00.000Z', '2026-11-22T08:00:00.020Z'])
  })

  test('NUL and half a surrogate pair are taken out', () => {
    const errors = [{ at: startedAt.toISOString(), code: 'a\0', detail: `${'x'.repeat(1_999)}😀` }]
    expect(findUnfaithful(toRow(record({ errors })).events)).toBeNull()
  })

  test.each(['pending', 'retries'])(
    '%s past what three lanes of a Postgres integer hold is refused',
    (name) => {
      expect(statusSchema.safeParse({ state: 'IDLE', pending: 1, [name]: 500_000_001 }).success).toBe(false)
    },
  )
})
