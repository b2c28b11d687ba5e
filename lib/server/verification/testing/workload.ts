import { randomUUID } from 'node:crypto'
import type { JsonObject } from '#lib/core/json.ts'
import { strategies } from '#lib/core/policy.ts'
import type { Database } from '../../db.ts'
import { putPolicy, RawDevice } from '../../testing/raw-device.ts'

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
  return { scopes }
}
