import { usesStrategy } from '#lib/core/policy.ts'
import { needsFieldStamps } from '#lib/core/since.ts'
import type { Change } from '#lib/protocol/sync.ts'
import { keyOfChange, keysOfRead } from './batch.ts'
import type { Engine } from './engine.ts'
import { followMoves } from './follow-moves.ts'
import type { KnownFeed, Push } from './push.ts'
import { keyOf } from './record-states.ts'
import { sagasReported } from './reported-dead-letters.ts'
import type { Loaded, LoadRequest } from './store.ts'

/** How often a record may have moved since an edit of it was made; after that it is edited where it was then. */
const maxMoves = 5

/** Loads what the batch rests on, and again for records that moved to another scope since: the batch follows them. */
export async function loadWhereItIs(
  engine: Engine,
  request: Push,
  moves = 0,
): Promise<{ request: Push; loaded: Loaded }> {
  const loaded = await load(engine, request)
  // What a person or an undoing writes in a place is meant for that place.
  const isMeant = request.annotations?.exact || request.annotations?.undoes
  const followed = isMeant || moves >= maxMoves ? null : followMoves(request.changes, loaded)
  return followed ? loadWhereItIs(engine, { ...request, changes: followed }, moves + 1) : { request, loaded }
}

async function load(
  { store, policies }: Engine,
  { stream, changes, deviceId, reported, token = null, sagas = [] }: Push,
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
    keys: distinct(changes.flatMap(keysOfRead), keyOf),
    bases: distinct(
      changes.flatMap(({ change, madeIn }) =>
        change && change.base_version > 0
          ? [{ ...baseOf(change), ...(madeIn !== undefined && { scope: madeIn }) }]
          : [],
      ),
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
    token: positionsIn(
      token,
      readable.flatMap((change) => [change.scope, change.from_scope ?? change.scope]),
    ),
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
