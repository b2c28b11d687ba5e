import { randomUUID } from 'node:crypto'
import type { JsonObject } from '#lib/core/json.ts'
import { serverEngine } from '../../sync/server-engine.ts'
import { testDatabase } from '../../testing/database.ts'
import { putPolicy, RawDevice } from '../../testing/raw-device.ts'

/** What `things` refuses. */
export const refused = { count: -1 }

/** The next changes of a device as the steps of one saga. */
export function sagaOn(a: RawDevice, steps: number, id: string = randomUUID()) {
  const step = (step: number, over: Parameters<RawDevice['change']>[0] = {}) =>
    a.change({ ...over, saga: { id, step, steps } })
  return { id, step }
}

const rules = [{ rule: '!has(self.count) || self.count >= 0', message: 'never negative', field: 'count' }]

/** A database with a table of each strategy, and what tests of sagas ask of it. */
export async function sagaBench() {
  const own = await testDatabase()
  const { db } = own
  process.env['DATABASE_URL'] = own.url
  const protect = () => putPolicy(db, { name: 'things', rules })
  await protect()
  await putPolicy(db, { name: 'parts', strategy: 'lww' })
  await putPolicy(db, { name: 'signed', strategy: 'manual' })
  await putPolicy(db, { name: 'claims', strategy: 'fww' })
  const device = (scopes?: string[]) => RawDevice.enrol(db, scopes)
  return {
    ...own,
    engine: serverEngine(db),
    device,
    /** Gives `things` its rule back. */
    protect,
    recordOf: (id: string) => db.record.findFirstOrThrow({ where: { id, deleted: false } }),
    sagaRow: (id: string) => db.saga.findUniqueOrThrow({ where: { id } }),
    stepsOf: (id: string) => db.sagaStep.findMany({ where: { sagaId: id }, orderBy: { step: 'asc' } }),
    historyOf: (recordId: string) =>
      db.feedChange.findMany({ where: { recordId }, orderBy: [{ committedAt: 'asc' }, { ordinal: 'asc' }] }),

    /** A record as another device made it. */
    made: async (data: JsonObject, table = 'things') => {
      const owner = await device()
      const create = owner.change({ table, data })
      await owner.send([create])
      return {
        id: create.record_id,
        edit: (version: number, data: JsonObject) =>
          owner.send([
            owner.change({
              ...{ operation: 'UPDATE', table, record_id: create.record_id, base_version: version, data },
            }),
          ]),
      }
    },
  }
}
