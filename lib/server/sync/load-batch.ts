import { usesStrategy } from '#lib/core/policy.ts'
import { needsFieldStamps } from '#lib/core/since.ts'
import type { Change } from '#lib/protocol/sync.ts'
import { keyOfChange, keysOfRead } from './batch.ts'
import type { Engine } from './engine.ts'
import { isFollowed } from './follow-moves.ts'
import type { KnownFeed, Push } from './push.ts'
import { keyOf, placesLeftFor } from './record-states.ts'
import { sagasReported } from './reported-dead-letters.ts'
import type { Loaded, LoadRequest, RecordKey } from './store.ts'

/**
 * Loads what the batch rests on; and again, with where its records are by now, for those that moved to another scope since.
 * A record leaves each scope for one that it came to later: there are no more turns than it passed scopes.
 */
export async function loadWhereItIs(engine: Engine, request: Push): Promise<Loaded> {
  const asked = new Map(request.changes.flatMap(keysOfRead).map((key) => [keyOf(key), key]))
  const reached: RecordKey[] = []
  for (;;) {
    const loaded = await load(engine, request, { keys: [...asked.values()], reached })
    const further = isFollowed(request.annotations ?? {}) ? placesLeftFor(loaded) : []
    const unknown = further.filter((key) => !asked.has(keyOf(key)))
    if (unknown.length === 0) return loaded
    for (const key of unknown) asked.set(keyOf(key), key)
    reached.push(...unknown)
  }
}

async function load(
  { store, policies }: Engine,
  { stream, changes, deviceId, reported, token = null, sagas = [] }: Push,
  places: { keys: RecordKey[]; reached: readonly RecordKey[] },
): Promise<Loaded> {
  const readable = changes.flatMap(({ change }) => (change ? [change] : []))
  const inBatch = new Set(readable.map(({ op_id }) => op_id))
  // A table that this process does not know yet may be one of those.
  const needsTraces = ({ table }: Change) => {
    const policy = policies.get(table)
    return policy === null || needsFieldStamps(policy) || usesStrategy(policy, 'ot')
  }
  const request: LoadRequest = {
    device: stream?.deviceId ?? deviceId,
    incarnation: stream?.incarnation ?? null,
    op_ids: changes.flatMap(({ opId }) => (opId ? [opId] : [])),
    keys: places.keys,
    bases: distinct(
      readable.filter(({ base_version }) => base_version > 0).map(baseOf),
      (base) => `${base.version} ${keyOf(base)}`,
    ),
    base_op_ids: readable.flatMap(({ base_op_id }) =>
      base_op_id && !inBatch.has(base_op_id) ? [base_op_id] : [],
    ),
    tables: [...new Set(readable.map(({ table }) => table))],
    sagas: [
      ...new Set([
        ...changes.flatMap(({ saga }) => (saga ? [saga.id] : [])),
        ...sagasReported(reported),
        ...sagas,
      ]),
    ],
    since: distinct(readable.filter(needsTraces).map(baseOf), (base) => `${base.version} ${keyOf(base)}`),
    token: positionsIn(token, [
      ...readable.flatMap((change) => [change.scope, change.from_scope ?? change.scope]),
      ...places.reached.map(({ scope }) => scope),
    ]),
  }
  const loaded = await store.load(request)
  const current = new Map((loaded.policies ?? []).map(({ name, version }) => [name, version]))
  const changed = request.tables.filter((name) => policies.get(name)?.version !== current.get(name))
  if (changed.length > 0) await policies.refresh(changed)
  const held = readable.flatMap(({ contains }) => contains ?? [])
  return request.device === null || held.length === 0
    ? loaded
    : { ...loaded, letters: await store.lettersOf({ device: request.device, op_ids: held }) }
}

function baseOf(change: Change) {
  return { ...keyOfChange(change), version: change.base_version }
}

function positionsIn(token: KnownFeed, scopes: readonly string[]): LoadRequest['token'] {
  if (token === null || token === 'foreign') return []
  return [...new Set(scopes)].flatMap((scope) => {
    const seq = token.positions.get(scope) ?? 0
    return seq > 0 ? [{ scope, seq }] : []
  })
}

function distinct<T>(items: readonly T[], nameOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [nameOf(item), item])).values()]
}
