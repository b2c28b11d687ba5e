import { crdtPlaces } from '#lib/core/crdt/places.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { usesStrategy, type TablePolicy } from '#lib/core/policy.ts'
import { redoStep, type Undoing } from '#lib/core/redo-step.ts'
import type { Policies } from '../tables/policy-cache.ts'
import type { ArrivedStep } from './saga-rows.ts'

/** By the number of the step: what to make its CRDTs of when it is sent again. */
export type Redos = ReadonlyMap<number, { undoing: Undoing; policy: TablePolicy }>

/**
 * The steps whose CRDTs were taken back, with what that made of their records. A step that was never undone, or whose
 * record went with it, is sent again as it was.
 * @returns the first step that cannot be sent again, and why
 */
export async function findRedos(
  policies: Policies,
  steps: readonly ArrivedStep[],
): Promise<Redos | { step: number; why: string }> {
  const undone = steps.filter(({ undo }) => undo === 'restored' || undo === 'merged' || undo === 'settled')
  const tables = [...new Set(undone.flatMap(({ table }) => table ?? []))]
  if (tables.length > 0) await policies.refresh(tables)
  const redos = new Map<number, { undoing: Undoing; policy: TablePolicy }>()
  for (const row of undone) {
    const { step, undoing } = row
    const policy = policies.get(row.table ?? '')
    const data = policy && usesStrategy(policy, 'crdt') ? dataOf(row) : null
    if (!policy || !data) continue
    if (row.schema_version !== policy.schema_version)
      return { step, why: `is of schema version ${row.schema_version}, and may have its CRDTs elsewhere` }
    if (crdtPlaces(policy, data).length === 0) continue
    if (row.undo === 'settled')
      return { step, why: 'was settled by a person, and nobody knows how much of its CRDTs was taken back' }
    if (undoing === null) return { step, why: 'was undone too long ago to be read' }
    const { before, after } = undoing
    // Made anew, it has all its CRDTs with it; and a step that deleted has none.
    if (before === null || after === null) continue
    if (redoStep(data, { before, after }, undefined, policy, nobody) === null)
      return { step, why: 'holds a CRDT that cannot be taken back twice' }
    redos.set(step, { undoing: { before, after }, policy })
  }
  return redos
}

/** To find out whether it can be done at all. */
const nobody = { id: '0', slot: '0', hlc: '000000000000-0000-0000000000000000' }

function dataOf({ change }: ArrivedStep): JsonObject | null {
  return (JSON.parse(change) as { data?: JsonObject | null } | null)?.data ?? null
}
