import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { POST as postDigest } from '../../../app/api/v1/digest/route.ts'
import { POST } from '../../../app/api/v1/sync/route.ts'
import type { Problem } from '#lib/protocol/errors.ts'
import { limits, type SyncReply } from '#lib/protocol/sync.ts'
import { everybody, request, type Everybody, type TestDevice } from '../testing/everybody.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'

let callers: Everybody
let device: TestDevice
beforeAll(async () => {
  callers = await everybody()
  await putPolicy(callers.own.db, { name: 'things' })
  device = await callers.enroll({ scopes: ['default'] })
})
afterAll(() => callers.close())

const send = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  POST(
    new Request('http://holdfast.test/api/v1/sync', {
      method: 'POST',
      headers: { ...device.headers, ...headers },
      body,
    }),
  )

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toMatch('application/problem+json')
  expect(response.headers.get('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  return (await response.json()) as Problem
}

describe('a body that cannot be read', () => {
  const deep = `${'{"a":'.repeat(200)}1${'}'.repeat(200)}`
  const big = JSON.stringify({ filler: 'x'.repeat(limits.max_body_bytes) })
  test.each<[string, number, string, string | Uint8Array<ArrayBuffer>, Record<string, string>]>([
    ['nothing', 400, 'malformed', '', {}],
    ['half an object', 400, 'malformed', '{"device_id":', {}],
    ['an array', 400, 'malformed', '[]', {}],
    ['too deep', 400, 'malformed', deep, {}],
    ['not UTF-8', 400, 'malformed', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), {}],
    ['not gzip', 400, 'malformed', '{}', { 'content-encoding': 'gzip' }],
    [
      'gzip that was cut off',
      400,
      'malformed',
      new Uint8Array(gzipSync('{"a":1}').subarray(0, 12)),
      { 'content-encoding': 'gzip' },
    ],
    ['a zip bomb', 413, 'payload_too_large', new Uint8Array(gzipSync(big)), { 'content-encoding': 'gzip' }],
    ['too large', 413, 'payload_too_large', big, {}],
    ['another encoding', 415, 'unsupported_media_type', '{}', { 'content-encoding': 'br' }],
    ['a form', 415, 'unsupported_media_type', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['another protocol', 426, 'protocol_unsupported', '{"protocol":2}', {}],
    ['the wrong shape', 422, 'invalid_request', '{"device_id":7,"changes":{}}', {}],
  ])('%s: %i %s', async (_name, status, code, body, headers) => {
    const response = await send(body, headers)
    expect(response.status).toBe(status)
    expect(await problemOf(response)).toMatchObject({
      code,
      status,
      retryable: false,
      trace_id: expect.any(String),
    })
  })

  test('a device_id that is not the token’s', async () => {
    const response = await send(JSON.stringify({ device_id: crypto.randomUUID() }))
    expect(await problemOf(response)).toMatchObject({ status: 403, code: 'forbidden' })
  })
})

/** JSON as hostile as JSON can be: what no schema allows, what no jsonb holds, names that reach into prototypes. */
const rubbish = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<unknown>(
      null,
      true,
      -0,
      1e308,
      2 ** 53,
      -1,
      1.5,
      '',
      '\0',
      '\ud800',
      '__proto__',
      'CREATE',
      'default',
    ),
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.constantFrom('op_id', 'seq', 'data', '__proto__', 'constructor', 'a', '', '\0'),
      tie('value'),
      {
        maxKeys: 4,
      },
    ),
  ),
})).value

const changeFields = [
  ...[
    'op_id',
    'seq',
    'table',
    'operation',
    'record_id',
    'scope',
    'from_scope',
    'base_version',
    'base_op_id',
    'data',
  ],
  ...['text_ops', 'hlc', 'vector', 'checksum', 'priority', 'saga', 'traceparent'],
]
const envelopeFields = [
  'protocol',
  'incarnation',
  'sync_id',
  'last_sync_token',
  'device_time',
  'schema_version',
  'changes',
  'dead_letters',
  'confirm',
  'status',
  'pull',
]

type Fault = [field: string, value: unknown]

// What was found once stays found.
const foundOnce: [Fault[], Fault[], unknown[]][] = [
  // A report and a change that are the same rubbish.
  [[], [['dead_letters', [[]]]], [[]]],
  // What only looks like an id, and a name that is cut within a surrogate pair.
  [[['record_id', '-'.repeat(36)]], [], []],
  [[['table', `${'x'.repeat(199)}😀`]], [], []],
  // A name that all objects inherit from.
  [[['table', '__proto__']], [], []],
  // NUL in a device's own word, and counts past an integer.
  [[], [['dead_letters', [{ op_id: crypto.randomUUID(), code: 'a\0', attempts: 2 ** 40 }]]], []],
  [[], [['schema_version', 2 ** 40]], []],
  [[], [['status', { state: 'IDLE', pending: 2 ** 40 }]], []],
]

test('an answered operation that is damaged when it comes again is no fork, and gets its answer once it is whole', async () => {
  const raw = await RawDevice.enrol(callers.own.db)
  const sent = raw.change()
  const first = await raw.send([sent])
  expect(first.accepted).toHaveLength(1)
  // The checksum the device gave it tells that it is the same.
  expect((await raw.send([{ ...sent, data: { name: 'y' } }])).accepted).toEqual(first.accepted)
  for (const damage of [{ checksum: '0' }, { hlc: 'x' }]) {
    const { accepted, rejected } = await raw.send([{ ...sent, ...damage }])
    expect(accepted).toEqual([])
    expect(rejected).toMatchObject([{ op_id: sent.op_id, code: 'checksum_mismatch', retryable: true }])
  }
  expect((await raw.send([sent])).accepted).toEqual(first.accepted)
  await expect(raw.send([{ ...raw.change(), seq: 1 }])).rejects.toMatchObject({ code: 'device_forked' })
})

describe('hostile requests', () => {
  test('are answered in the 200s or 400s, every change exactly once, and the next good one goes through', async () => {
    const raw = await RawDevice.enrol(callers.own.db)
    const headers = { authorization: `Bearer ${raw.token}` }
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...changeFields), rubbish), { maxLength: 3 }),
        fc.array(fc.tuple(fc.constantFrom(...envelopeFields), rubbish), { maxLength: 1 }),
        fc.array(rubbish, { maxLength: 2 }),
        async (changeFaults, envelopeFaults, strangers) => {
          raw.lastSeq = Number(
            (await callers.own.db.deviceStream.findFirst({ where: { deviceId: raw.id } }))?.lastSeq ?? 0,
          )
          const broken = Object.assign(raw.change({ hlc: hlcNow() }), Object.fromEntries(changeFaults))
          const envelope = { ...raw.envelope([broken, ...strangers]), ...Object.fromEntries(envelopeFaults) }
          const response = await POST(request('/api/v1/sync', { method: 'POST', headers, body: envelope }))
          const text = await response.text()
          expect(response.status >= 500 ? text : 'answered').toBe('answered')
          expect(text).not.toMatch(/prisma|\bSELECT\b|node_modules|at .*\.ts:\d/i)
          if (response.status !== 200) return
          const { accepted, conflicts, rejected } = JSON.parse(text) as SyncReply
          const sent = Array.isArray(envelope['changes']) ? envelope['changes'].length : 0
          expect(accepted.length + conflicts.length + rejected.length).toBe(sent)
        },
      ),
      { numRuns: 250, examples: foundOnce },
    )
    raw.lastSeq = Number(
      (await callers.own.db.deviceStream.findFirstOrThrow({ where: { deviceId: raw.id } })).lastSeq,
    )
    expect((await raw.send([raw.change()])).accepted).toHaveLength(1)
  }, 120_000)

  test('for a digest too', async () => {
    const raw = await RawDevice.enrol(callers.own.db)
    await raw.sync([raw.change()])
    const headers = { authorization: `Bearer ${raw.token}` }
    const name = fc.oneof(
      fc.constantFrom('things', 'ff', '__proto__', '', '\0'),
      fc.string({ unit: 'binary' }),
    )
    const odd = fc.oneof(rubbish, fc.constantFrom('ff', '0'.repeat(64)))
    const body = fc.record(
      {
        scope: fc.oneof(fc.constant('default'), rubbish),
        sync_token: fc.oneof(fc.constant(raw.syncToken), rubbish),
        tables: fc.oneof(fc.array(name, { maxLength: 3 }), rubbish),
        buckets: fc.oneof(fc.dictionary(name, fc.oneof(fc.dictionary(name, odd), odd)), rubbish),
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(body, async (sent) => {
        const response = await postDigest(request('/api/v1/digest', { method: 'POST', headers, body: sent }))
        const text = await response.text()
        expect(response.status >= 500 ? text : 'answered').toBe('answered')
        expect(text).not.toMatch(/prisma|\bSELECT\b|node_modules|at .*\.ts:\d/i)
      }),
      { numRuns: 250 },
    )
  }, 120_000)
})

function hlcNow(): string {
  return `${Date.now().toString(16).padStart(12, '0')}-0000-0000000000000000`
}
