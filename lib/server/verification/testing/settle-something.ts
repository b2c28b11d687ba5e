import { randomUUID } from 'node:crypto'
import { isJsonObject, type JsonObject } from '#lib/core/json.ts'
import { AppError } from '#lib/protocol/errors.ts'
import { personActor } from '../../actor.ts'
import { resolveConflict } from '../../conflicts/resolve.ts'
import { undoResolution } from '../../conflicts/undo.ts'
import { discardDeadLetter, restoreDeadLetter } from '../../dead-letters/discard.ts'
import { getDeadLetter } from '../../dead-letters/get.ts'
import { replayDeadLetter } from '../../dead-letters/replay.ts'
import { getConflict } from '../../conflicts/get.ts'
import { seenVersions } from '../../conflicts/etag.ts'
import type { Database } from '../../db.ts'
import { compensateSaga } from '../../sagas/compensate.ts'
import { retrySaga } from '../../sagas/retry.ts'

const admin = personActor({ id: randomUUID(), name: 'ad@example.com', role: 'admin', via: 'session' })
const why = { reason: 'as it should be', traceId: '0'.repeat(32) }

type Choose = {
  pick: <T>(items: readonly T[]) => T
  chance: (of: number) => boolean
  spoil: (value: unknown) => void
}

/**
 * A person settles a conflict, a dead letter or a saga, or takes that back, in some way that may be refused.
 * @returns what they did, or the code of the refusal
 */
export async function settleSomething(db: Database, choose: Choose): Promise<string> {
  const kind = choose.pick(['conflict', 'letter', 'letter', 'saga'] as const)
  const work = { conflict: settleConflict, letter: settleLetter, saga: settleSaga }[kind]
  return work(db, choose).catch((error: unknown) => {
    if (error instanceof AppError) return error.code
    throw error
  })
}

async function settleConflict(db: Database, { pick, chance, spoil }: Choose): Promise<string> {
  const ids = await db.conflict.findMany({ select: { id: true }, orderBy: { id: 'asc' } })
  if (ids.length === 0) return 'nothing to settle'
  const { id } = pick(ids)
  const { etag, state, client, server } = await getConflict(admin, id)
  const seen = seenVersions(etag)
  if (state === 'resolved') {
    await undoResolution(admin, { id, seen, ...why })
    return 'resolution undone'
  }
  const choice = pick(['client', 'server', 'merged'] as const)
  const data = structuredClone(pick([client.data, server.data])) ?? {}
  if (chance(3)) spoil(data)
  await resolveConflict(admin, { id, seen, choice, data: choice === 'merged' ? data : undefined, ...why })
  return 'resolved'
}

async function settleLetter(db: Database, { pick, chance, spoil }: Choose): Promise<string> {
  const ids = await db.deadLetter.findMany({ select: { id: true }, orderBy: { id: 'asc' } })
  if (ids.length === 0) return 'nothing to settle'
  const { id } = pick(ids)
  const { change, state } = await getDeadLetter(admin, id)
  const move = { id, version: null, ...why }
  if (state === 'discarded') return (await restoreDeadLetter(admin, move)).state
  if (chance(5)) return (await discardDeadLetter(admin, move)).state
  const edited = isJsonObject(change) && !chance(3) ? editOf(change, { chance, spoil }) : undefined
  await replayDeadLetter(admin, { ...move, change: edited, dryRun: chance(8) })
  return 'replayed'
}

/** Mostly what mends it, and sometimes what does not. */
function editOf(change: JsonObject, { chance, spoil }: Omit<Choose, 'pick'>): JsonObject {
  const { saga: _saga, text_ops: _steps, ...edited } = structuredClone(change)
  const mended = { ...edited, operation: 'CREATE', base_version: 0, data: { a: 1 }, record_id: randomUUID() }
  const wanted: JsonObject = chance(2) ? { ...mended, table: 'by-lww', scope: 'a' } : edited
  if (chance(3)) spoil(wanted)
  return wanted
}

async function settleSaga(db: Database, { pick, chance }: Choose): Promise<string> {
  const sagas = await db.saga.findMany({ select: { id: true, revision: true }, orderBy: { id: 'asc' } })
  if (sagas.length === 0) return 'nothing to settle'
  const { id, revision: version } = pick(sagas)
  if (chance(3)) return (await compensateSaga(admin, { id, version, ...why })).state
  return (await retrySaga(admin, { id, version, edits: [], ...why })).state
}
