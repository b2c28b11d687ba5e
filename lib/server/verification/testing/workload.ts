import { randomUUID } from 'node:crypto'
import type { JsonObject } from '#lib/core/json.ts'
import { strategies } from '#lib/core/policy.ts'
import type { Database } from '../../db.ts'
import { putPolicy, RawDevice } from '../../testing/raw-device.ts'

/** mulberry32. @returns numbers in [0, 1), the same for the same seed */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const schema = { type: 'object', properties: { n: { type: 'number', maximum: 90 } } }

/**
 * Devices that write into two scopes, on top of each other and past each other: every strategy, every outcome, deletes,
 * moves, refusals, some of which make conflicts and dead letters.
 * @param random in [0, 1)
 */
export async function workload(db: Database, random: () => number): Promise<{ scopes: [string, string] }> {
  const scopes: [string, string] = [randomUUID(), `${randomUUID()} with "odd" name`]
  const tables = strategies.map((strategy) => `by-${strategy}`)
  for (const [i, strategy] of strategies.entries())
    await putPolicy(db, { name: tables[i]!, strategy, schema })
  const devices = await Promise.all([1, 2, 3].map(() => RawDevice.enrol(db, scopes)))
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
  const known: { scope: string; table: string; id: string }[] = []

  for (let round = 0; round < 30; round++) {
    const device = pick(devices)
    const changes = Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
      const at = random() < 0.4 ? undefined : pick(known)
      const data: JsonObject = {
        n: Math.floor(random() * 100),
        text: `é ${round}`,
        list: [round / 3],
        [pick(['a', 'b'])]: round,
      }
      if (!at) {
        const made = { scope: pick(scopes), table: pick(tables), id: randomUUID() }
        known.push(made)
        return device.change({ scope: made.scope, table: made.table, record_id: made.id, data })
      }
      const { scope, table, id: record_id } = at
      const base_version = 1 + Math.floor(random() * 2)
      if (random() < 0.15)
        return device.change({ scope, table, record_id, operation: 'DELETE', base_version })
      const to = scopes.find((other) => other !== scope)!
      const moves = random() < 0.15
      if (moves) at.scope = to
      const place = moves ? { scope: to, from_scope: scope } : { scope }
      return device.change({ ...place, table, record_id, operation: 'UPDATE', base_version, data })
    })
    await device.sync(changes)
  }
  // One of the moves is certain.
  const [from, to] = scopes
  const mover = devices[0]!
  const made = mover.change({ scope: from, table: tables[0]! })
  const at = { table: made.table, record_id: made.record_id, operation: 'UPDATE' as const, base_version: 1 }
  await mover.sync([made, mover.change({ ...at, scope: to, from_scope: from, data: { n: 1 } })])
  await stampedAnew(mover, to)
  await someSagas(db, scopes)
  return { scopes }
}

/** Operations with a register that was stamped anew since they were made: one that wrote, one that was merged, one that was no change. */
async function stampedAnew(device: RawDevice, scope: string): Promise<void> {
  const register = (hlc: string) => ({ $crdt: 'lww-register', value: 1, hlc })
  const [early, late] = ['0193f3a2b4c0-0003-9f2c01aa77e04b11', '0193f3a2b4c1-0003-9f2c01aa77e04b11'] as const
  const anew = (n: number) => ({ first_checksum: String(n).repeat(64) })
  const place = { scope, table: 'by-crdt' }
  const made = device.change({ ...place, ...anew(1), data: { n: 1, r: register(late) } })
  const edit = { ...place, record_id: made.record_id, operation: 'UPDATE' as const, base_version: 1 }
  const write = device.change({ ...edit, data: { n: 2, r: register(late) } })
  const merged = device.change({ ...edit, ...anew(2), data: { n: 1, r: register(early), m: 1 } })
  const same = device.change({ ...edit, ...anew(3), data: { m: 1, n: 2, r: register(late) } })
  for (const change of [made, write, merged, same]) await device.sync([change])
}

/** A saga of each ending: complete, undone, undone where others wrote since, waiting for a person, complete where a record moved, under way. */
async function someSagas(db: Database, [elsewhere, scope]: [string, string]): Promise<void> {
  const [a, b] = [await RawDevice.enrol(db, [scope, elsewhere]), await RawDevice.enrol(db, [scope])]
  const table = 'by-merge'
  const made = async (data: JsonObject) => {
    const create = b.change({ scope, table, data })
    await b.sync([create])
    return create.record_id
  }
  const sagaOf = (steps: number) => {
    const id = randomUUID()
    return (step: number, over: Partial<Parameters<RawDevice['change']>[0]> = {}) =>
      a.change({ scope, table, ...over, saga: { id, step, steps } })
  }
  const edit = (record_id: string, data: JsonObject) =>
    ({ operation: 'UPDATE', record_id, base_version: 1, data }) as const

  const complete = sagaOf(2)
  await a.sync([
    complete(1, { data: { n: 1 } }),
    complete(2, edit(await made({ n: 2, text: 'x' }), { n: 3, text: 'x' })),
  ])
  const undone = sagaOf(3)
  const refused = { data: { n: 99 } }
  const kept = await made({ n: 1, text: 'x' })
  await a.sync([
    undone(1, edit(kept, { n: 5, text: 'x' })),
    undone(2, refused),
    undone(3, { data: { n: 2 } }),
  ])
  // Others wrote beside it, and over it.
  const [beside, over] = [await made({ n: 1, text: 'x' }), await made({ n: 1, text: 'x' })]
  const met = sagaOf(3)
  await a.sync([met(1, edit(beside, { n: 5, text: 'x' })), met(2, edit(over, { n: 6, text: 'x' }))])
  const later = (record_id: string, data: JsonObject) =>
    b.change({ scope, table, record_id, operation: 'UPDATE', base_version: 2, data })
  await b.sync([later(beside, { n: 5, text: 'y' }), later(over, { n: 7, text: 'x' })])
  await a.sync([met(3, refused)])
  const clashing = sagaOf(2)
  const manual = b.change({ scope, table: 'by-manual', data: { n: 1 } })
  await b.sync([manual])
  await b.sync([
    b.change({
      scope,
      table: 'by-manual',
      record_id: manual.record_id,
      operation: 'UPDATE',
      base_version: 1,
      data: { n: 2 },
    }),
  ])
  await a.sync([
    clashing(1, { data: { n: 3 } }),
    clashing(2, { table: 'by-manual', ...edit(manual.record_id, { n: 4 }) }),
  ])
  // Its record moved while it was away: the step is taken where the record is now.
  const [mover, moved] = [await RawDevice.enrol(db, [scope, elsewhere]), await made({ n: 1 })]
  await mover.sync([
    mover.change({ ...{ scope: elsewhere, from_scope: scope, table }, ...edit(moved, { n: 1 }) }),
  ])
  const followed = sagaOf(2)
  await a.sync([followed(1, edit(moved, { n: 1, m: 2 })), followed(2, { data: { n: 4 } })])
  const running = sagaOf(3)
  await a.sync([running(1, { data: { n: 4 } })])
}
