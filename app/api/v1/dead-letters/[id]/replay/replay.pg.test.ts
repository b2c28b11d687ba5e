import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deadLetterDesk, mend, schema, table, type DeadLetterDesk } from '../../testing/desk.ts'

let desk: DeadLetterDesk
beforeAll(async () => {
  desk = await deadLetterDesk()
  await desk.putPolicy({ name: 'firsts', strategy: 'fww', schema })
})
afterAll(() => desk.close())

describe('replay', () => {
  test('a dry run tells the outcome and writes nothing', async () => {
    const { id, device, change } = await desk.makeLetter()
    const { status, body } = await desk.replay(id, { dry_run: true, change: mend(change) })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      ...{ dry_run: true, kind: 'accepted', outcome: 'applied' },
      edited: [{ path: 'data.n', before: -1, after: 1 }],
      record: { before: null, after: { n: 1, note: 'x' }, version: 1 },
    })
    expect((await desk.get(id)).body).toMatchObject({
      state: 'open',
      version: 1,
      current: null,
      attempt_log: [{}],
    })
    expect((await device.sync()).server_changes).toEqual([])
    expect((await desk.replay(id, { dry_run: true })).body).toMatchObject({
      kind: 'rejected',
      code: 'schema_mismatch',
    })
  })

  test('an edited one reaches the record and every device, as its own device’s operation', async () => {
    const { id, device, change } = await desk.makeLetter()
    const other = await desk.device(device.scopes)
    const { body } = await desk.replay(id, { change: mend(change), reason: 'a typo' })
    expect(body).toMatchObject({ dry_run: false, kind: 'accepted', outcome: 'applied' })
    expect(body.op_id).not.toBe(change.op_id)
    const { server_changes } = await other.sync()
    expect(server_changes).toMatchObject([
      { record_id: change.record_id, data: { n: 1, note: 'x' }, by: { kind: 'device', id: device.id } },
    ])
    expect((await desk.get(id)).body).toMatchObject({
      ...{ state: 'replayed', replay_op_id: body.op_id, closed_by: 'key of operator', version: 2 },
      current: { version: 1, data: { n: 1 } },
      attempt_log: [
        { outcome: 'received' },
        { outcome: 'replayed', op_id: body.op_id, actor: 'key of operator' },
      ],
    })
    const { items } = await desk.audit(id)
    expect(items).toMatchObject([
      { action: 'dead_letter.replay', reason: 'a typo', after: { op_id: body.op_id } },
    ])
  })

  test('unedited, once its cause is gone', async () => {
    const { id, change } = await desk.makeLetter({ table: 'later' })
    expect((await desk.get(id)).body.code).toBe('unknown_table')
    await desk.putPolicy({ name: 'later' })
    expect((await desk.replay(id)).body).toMatchObject({ kind: 'accepted', edited: [] })
    expect((await desk.get(id)).body.current).toMatchObject({ data: change.data })
  })

  test('succeeds at most once, however many try', async () => {
    const { id, change } = await desk.makeLetter()
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => desk.replay(id, { change: mend(change) })),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      200, 409, 409, 409, 409, 409,
    ])
    expect((await desk.replay(id, { change: mend(change) })).body).toMatchObject({ code: 'conflict' })
    expect((await desk.get(id)).body.current?.version).toBe(1)
    expect((await desk.audit(id)).total).toBe(1)
  })

  test('one that fails again stays open, with the new fault', async () => {
    const { id, change } = await desk.makeLetter()
    const before = (await desk.get(id)).body
    const { status, body } = await desk.replay(id, { change: mend(change, { note: 'no n at all' }) })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      kind: 'rejected',
      code: 'schema_mismatch',
      errors: [{ pointer: '/data/n' }],
    })
    const after = (await desk.get(id)).body
    expect(after).toMatchObject({
      ...{ state: 'open', detail: '/data/n is required', attempts: 2, version: 2, replay_op_id: null },
      attempt_log: [{}, { outcome: 'failed', detail: '/data/n is required', op_id: body.op_id }],
    })
    expect(after.fingerprint).not.toBe(before.fingerprint)
    expect(JSON.parse(after.attempt_log[1]!.change!)).toMatchObject({ data: { note: 'no n at all' } })
    expect((await desk.replay(id, { change: mend(change) })).body.kind).toBe('accepted')
  })

  test('what meets another’s edit becomes a conflict for a person', async () => {
    const { device, change } = await desk.makeLetter()
    const key = { table, scope: change.scope!, record_id: change.record_id }
    await device.sync([device.change({ ...key, data: { n: 1, note: 'a' } })])
    const edit = { ...key, operation: 'UPDATE', base_version: 1 } as const
    const letter = await desk.makeLetter({ ...edit, data: { n: -5, note: 'b' } }, device)
    const other = await desk.device(device.scopes)
    await other.sync([other.change({ ...edit, data: { n: 1, note: 'c' } })])
    const sent = mend(letter.change, { n: 5, note: 'b' })
    const dry = await desk.replay(letter.id, { dry_run: true, change: sent })
    expect(dry.body).toMatchObject({ kind: 'conflict', code: 'manual', conflict_id: null })
    const { body } = await desk.replay(letter.id, { change: sent })
    expect(body).toMatchObject({ kind: 'conflict', code: 'manual', record: { changes: [] } })
    expect(body.conflict_id).toMatch(/^[0-9a-f-]{36}$/)
    expect((await desk.get(letter.id)).body).toMatchObject({
      state: 'replayed',
      attempt_log: [{}, { outcome: 'conflict' }],
    })
  })

  test('where the first writer wins, the second one’s letter stays open: it is all that is left of the edit', async () => {
    const device = await desk.device()
    const key = { table: 'firsts', scope: device.scopes[0]!, record_id: randomUUID() }
    await device.sync([device.change({ ...key, data: { n: 1 } })])
    const edit = { ...key, operation: 'UPDATE', base_version: 1 } as const
    const letter = await desk.makeLetter({ ...edit, data: { n: -5 } }, device)
    const other = await desk.device(device.scopes)
    await other.sync([other.change({ ...edit, data: { n: 2 } })])
    const { body } = await desk.replay(letter.id, { change: mend(letter.change, { n: 5 }) })
    expect(body).toMatchObject({ kind: 'conflict', code: 'stale_version' })
    expect((await desk.get(letter.id)).body).toMatchObject({
      state: 'open',
      code: 'stale_version',
      current: { data: { n: 2 } },
    })
  })

  test('writes nowhere its device may not', async () => {
    const { id, change } = await desk.makeLetter()
    const { body } = await desk.replay(id, { change: { ...mend(change), scope: 'elsewhere' } })
    expect(body).toMatchObject({ kind: 'rejected', code: 'scope_forbidden' })
  })

  test.each<[string, Record<string, unknown>]>([
    ['no table', { table: 7 }],
    ['half a surrogate pair', { data: { n: 1, note: '\ud800' } }],
    ['an unknown operation', { operation: 'MERGE' }],
  ])('a malformed change (%s) is refused again, never an error of the server', async (_, damage) => {
    const { id } = await desk.makeLetter({}, undefined, damage)
    const { status, body } = await desk.replay(id)
    expect([status, body.code]).toEqual(status === 200 ? [200, 'invalid_change'] : [422, 'invalid_request'])
    expect((await desk.get(id)).body.state).toBe('open')
  })

  test('needs an operator, and honours If-Match', async () => {
    const { id, change } = await desk.makeLetter()
    expect((await desk.replay(id, {}, { role: 'viewer' })).status).toBe(403)
    expect((await desk.replay(id, { change: mend(change) }, { ifMatch: '"9"' })).status).toBe(412)
    expect((await desk.replay(id, { change: mend(change) }, { ifMatch: '"1"' })).status).toBe(200)
  })
})
