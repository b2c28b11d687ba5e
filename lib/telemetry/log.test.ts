import { expect, test } from 'vitest'
import { lamportClock } from '#lib/core/lamport.ts'
import { createLogger } from './log.ts'
import { syncLog } from './sync-log.ts'

function capture() {
  const lines: string[] = []
  process.env['LOG_LEVEL'] = 'info'
  const log = createLogger({ write: (line) => void lines.push(line) })
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? 'null') as Record<string, unknown> }
}

const sync = { requestId: 'r-1', traceId: 't-1', deviceId: 'd-1', syncId: 's-1', clock: lamportClock() }
const ids = { request_id: 'r-1', trace_id: 't-1', device_id: 'd-1', sync_id: 's-1' }

test('every event of a sync carries the request and the trace', () => {
  const { log, lines } = capture()
  const events = syncLog(log)
  events.started(sync, { changes: 3, bytes: 900 })
  events.completed(sync, { outcome: 'ok', durationMs: 12.4, pushed: 3, pulled: 1, conflicts: 0, rejected: 0 })
  events.retried(sync, { retries: 2, replayed: 1 })
  events.failed(sync, { status: 503, code: 'unavailable', durationMs: 5 })
  const seen = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(seen.map((line) => line['event'])).toEqual([
    'sync.started',
    'sync.completed',
    'sync.retried',
    'sync.failed',
  ])
  for (const line of seen) expect(line).toMatchObject(ids)
  expect(seen.map((line) => line['lamport'])).toEqual([1, 2, 3, 4])
  expect(seen[3]).toMatchObject({ level: 'error', status: 503, code: 'unavailable' })
})

test('a conflict is logged with both versions', () => {
  const { log, last } = capture()
  syncLog(log).conflict(sync, {
    ...{
      conflictId: 'c-1',
      code: 'manual',
      scope: 'site-1',
      table: 'inspections',
      recordId: 'x',
      fields: ['phone'],
    },
    client: { version: 5, data: { phone: '1' } },
    server: { version: 6, data: { phone: '2' } },
  })
  expect(last()).toMatchObject({
    ...ids,
    event: 'sync.conflict',
    conflict_id: 'c-1',
    fields: ['phone'],
    client: { version: 5, data: { phone: '1' } },
    server: { version: 6, data: { phone: '2' } },
  })
})

test('secrets are removed wherever they stand', () => {
  const { log, lines } = capture()
  log.info({
    password: 'S3CRET',
    headers: { authorization: 'Bearer S3CRET', cookie: 'S3CRET' },
    body: { enrollment_key: 'S3CRET', reply: { device_token: 'S3CRET', inner: { sync_token: 'S3CRET' } } },
  })
  expect(lines.join('')).not.toContain('S3CRET')
  expect(lines.join('').match(/\[redacted\]/g)).toHaveLength(6)
})

test('a copy of an error, which is none itself, is logged with its message', () => {
  const { log, last } = capture()
  const { message, stack } = new Error('no connection')
  log.warn({ err: { message, stack, code: '57P01', queue: 'rollups' } }, 'failed')
  expect(last()).toMatchObject({
    err: {
      type: 'Error',
      message: 'no connection',
      code: '57P01',
      stack: expect.stringContaining('log.test.ts'),
    },
  })
  expect(last()).not.toHaveProperty('err.queue')
})

test('an error is logged with its message, stack, code and cause, and nothing that hangs on it', () => {
  const { log, last, lines } = capture()
  const cause = Object.assign(new Error('no connection'), { code: 'ECONNREFUSED' })
  const error = Object.assign(new Error('broken', { cause }), {
    code: 'P1001',
    client: { password: 'S3CRET', url: 'S3CRET' },
  })
  log.error({ err: error }, 'failed')
  expect(last()).toMatchObject({
    err: {
      ...{ type: 'Error', message: 'broken', code: 'P1001', stack: expect.stringContaining('log.test.ts') },
      cause: { message: 'no connection', code: 'ECONNREFUSED' },
    },
  })
  expect(lines.join('')).not.toContain('S3CRET')
})
