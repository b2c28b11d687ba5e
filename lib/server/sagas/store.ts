import type { Json } from '#lib/core/json.ts'
import { database } from '../db.ts'

export async function selectSetting(key: string): Promise<Json | undefined> {
  const [row] = await database().$queryRaw<{ value: Json }[]>`SELECT value FROM setting WHERE key = ${key}`
  return row?.value
}

/** @returns how many went */
export async function deleteEndedSagas(days: number): Promise<number> {
  const gone = await database().$queryRaw<unknown[]>`
    WITH gone AS (
      DELETE FROM saga WHERE state IN ('completed', 'compensated')
        AND progressed_at < now() - make_interval(days => ${days}) RETURNING id
    ), steps AS (DELETE FROM saga_step t USING gone WHERE t.saga_id = gone.id)
    SELECT id FROM gone`
  return gone.length
}
