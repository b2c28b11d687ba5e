import { joinVectors } from '#lib/core/vector.ts'
import type { JsonObject } from '#lib/core/json.ts'
import type { Change } from '#lib/protocol/sync.ts'
import type { Operation } from './batch.ts'
import { keyOf } from './record-states.ts'
import type { ConflictRow, Loaded, RecordKey } from './store.ts'

/** One open conflict for a device's version of a record: a later edit of the same version goes on with it. */
export class OpenConflicts {
  readonly #ids: Map<string, string>
  readonly #rows = new Map<string, ConflictRow>()
  readonly #newId: () => string

  constructor(loaded: NonNullable<Loaded['open_conflicts']>, newId: () => string) {
    this.#newId = newId
    this.#ids = new Map(loaded.map(({ id, record_id, ...place }) => [keyOf({ ...place, id: record_id }), id]))
  }

  /**
   * @param proposed the state that a person is asked to take; null to delete the record
   * @returns the id of the conflict, new or gone on with
   */
  add(operation: Operation, deviceId: string | null, fields: string[], proposed: JsonObject | null): string {
    const { change, seq, key, base, policy } = operation
    const current = operation.current!
    const id = this.#ids.get(keyOf(key)) ?? this.#newId()
    const begun = this.#rows.get(id)
    this.#ids.set(keyOf(key), id)
    this.#rows.set(id, {
      id,
      code: 'manual',
      ...place(key),
      device_id: deviceId,
      op_id: begun?.op_id ?? change.op_id,
      later_op_ids: begun ? [...begun.later_op_ids, change.op_id] : [],
      operation: change.operation,
      to_scope: scopeWanted(change, key) ?? begun?.to_scope ?? null,
      fields,
      base_version: begun?.base_version ?? change.base_version,
      base_data: begun ? begun.base_data : (base.data ?? null),
      client_data: proposed,
      client_hlc: change.hlc,
      client_vector: joinVectors(change.vector ?? {}, deviceId && seq > 0 ? { [deviceId]: seq } : {}),
      server_version: current.version,
      server_data: current.data,
      server_hlc: current.hlc,
      server_vector: current.vector,
      server_device_id: current.deviceId,
      strategy: policy.strategy,
    })
    return id
  }

  rows(): ConflictRow[] {
    return [...this.#rows.values()]
  }
}

/** Where a change moves its record; null where it leaves it, or deletes it. */
export function scopeWanted({ scope, data }: Change, key: RecordKey): string | null {
  return scope === key.scope || !data ? null : scope
}

function place({ scope, table, id }: RecordKey) {
  return { scope, table, record_id: id }
}
