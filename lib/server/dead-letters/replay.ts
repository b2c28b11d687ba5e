import { v7 as uuidv7 } from 'uuid'
import { fieldChanges } from '#lib/core/field-diff.ts'
import { parseHlc } from '#lib/core/hlc.ts'
import { findUnfaithful, isJsonObject, type JsonObject } from '#lib/core/json.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { ReplayReply } from '#lib/protocol/console.ts'
import { changeSchema, uuid } from '#lib/protocol/sync.ts'
import { authorise, type Actor } from '../actor.ts'
import { invalidRequest } from '../http/parse.ts'
import { staleError } from '../http/precondition.ts'
import { currentRecord } from '../records/read.ts'
import { writeRecord, type RecordWrite, type Written } from '../sync/write.ts'
import { loadDeadLetter, parseChange } from './get.ts'
import type { WholeDeadLetter } from './store.ts'

export type Replay = {
  id: string
  /** The change to send in place of the original; the server gives it a new op_id and checksum. */
  change: JsonObject | undefined
  /** Tell what would happen, write nothing. */
  dryRun: boolean
  reason: string
  /** The version the caller saw; null replays whatever is there. */
  version: number | null
  traceId: string
}

/**
 * Sends a dead letter again: through the push path, as its device's operation, under a new op_id that is linked to the
 * old one. It succeeds at most once. One that fails again stays open, with the new error.
 * @throws AppError `conflict` where it is not open, `stale`, `invalid_request` where the change cannot be sent at all
 */
export async function replayDeadLetter(actor: Actor, replay: Replay): Promise<ReplayReply> {
  authorise(actor, 'operator')
  const letter = await loadDeadLetter(replay.id)
  if (letter.state !== 'open') throw notOpen(letter)
  if (replay.version !== null && replay.version !== letter.version) throw staleError()

  const parsed = parseChange(letter.change)
  const original = isJsonObject(parsed) ? parsed : {}
  const sent = replay.change ?? original
  const unfaithful = findUnfaithful(sent, '/change')
  if (unfaithful) throw invalidRequest([unfaithful])

  refuseStep(sent)
  const change = operationOf(sent)
  const edited = fieldChanges(original, sent).filter(({ path }) => !givenByServer.has(path))
  const before = await recordBefore(change)
  const written = await writeRecord(writeOf(actor, letter, replay, change, edited.length > 0)).catch(
    (error: unknown) => {
      // Somebody replayed or discarded it between our look and our write.
      throw error instanceof AppError && error.code === 'stale' ? settledFirst() : error
    },
  )
  return replyOf({ replay, change, edited, before, written })
}

/** Half a transaction is what sagas are there to prevent. */
function refuseStep(sent: JsonObject): void {
  const saga = changeSchema.shape.saga.safeParse(sent['saga']).data
  if (!saga) return
  throw new AppError(
    'conflict',
    `It is step ${saga.step} of saga ${saga.id}: retry the saga as a whole, or remove "saga" from the change to send ` +
      'this step alone.',
  )
}

const givenByServer = new Set(['op_id', 'seq', 'checksum'])

/** The operation that is sent, whatever is wrong with it: the push path judges it, as it judges a device's. */
function operationOf(sent: JsonObject): RecordWrite['change'] {
  const { hlc, seq: _seq, checksum: _checksum, ...rest } = sent
  const stamp = typeof hlc === 'string' ? parseHlc(hlc) : null
  // The device's own stamp says when the edit was made. One that is damaged or in the future is given anew.
  const keeps = stamp !== null && stamp.millis <= Date.now()
  return { ...rest, op_id: uuidv7(), ...(keeps && { hlc }) } as RecordWrite['change']
}

function writeOf(
  actor: Actor,
  letter: WholeDeadLetter,
  { dryRun, reason, traceId }: Replay,
  change: RecordWrite['change'],
  isEdited: boolean,
): RecordWrite {
  const scopes = letter.device_scopes
  return {
    by:
      letter.device_id === null
        ? { kind: actor.kind, id: actor.id }
        : { kind: 'device', id: letter.device_id },
    deviceId: letter.device_id,
    change,
    ...(scopes && { granted: (scope: string) => scopes.includes(scope) }),
    // A person edits against the table's schema as it is now.
    schemaVersion: isEdited ? undefined : letter.schema_version,
    // Refused for its schema, it is not taken for another.
    declaresSchema: !isEdited && letter.code === 'schema_version_unsupported',
    replays: {
      schemaVersion: letter.schema_version,
      deadLetterId: letter.id,
      deadLetterVersion: letter.version,
      edited: isEdited ? JSON.stringify(change) : null,
      actor: actor.name,
    },
    audit: [
      {
        ...{
          actor,
          action: 'dead_letter.replay',
          target: 'dead_letter',
          targetId: letter.id,
          reason,
          traceId,
        },
        before: { op_id: letter.op_id, code: letter.code },
        after: { op_id: change.op_id, edited: isEdited },
      },
    ],
    dryRun,
    traceId,
  }
}

async function recordBefore({ scope, table, record_id, from_scope }: RecordWrite['change']) {
  const key = { scope: from_scope ?? scope ?? 'default', table, id: record_id }
  const readable =
    [key.scope, key.table].every((name) => typeof name === 'string') && uuid.safeParse(key.id).success
  return readable ? currentRecord(key) : null
}

function replyOf(replayed: {
  replay: Replay
  change: RecordWrite['change']
  edited: ReplayReply['edited']
  before: { version: number; data: JsonObject | null } | null
  written: Written
}): ReplayReply {
  const { replay, change, edited, written } = replayed
  const { answer } = written
  const before = replayed.before?.data ?? null
  const after = answer.kind === 'accepted' ? written.recordData : before
  return {
    dry_run: replay.dryRun,
    kind: answer.kind,
    outcome: answer.kind === 'accepted' ? answer.outcome : null,
    code: answer.kind === 'accepted' ? null : answer.code,
    detail: answer.kind === 'rejected' ? answer.detail : '',
    errors: answer.kind === 'rejected' ? (answer.errors ?? []) : [],
    // A dry run opened none.
    conflict_id: answer.kind === 'conflict' && !replay.dryRun ? answer.conflict_id : null,
    op_id: change.op_id,
    edited,
    record: {
      before,
      after,
      version: written.recordVersion,
      changes: fieldChanges(before ?? {}, after ?? {}),
    },
  }
}

function notOpen({ state, reason, replay_op_id, is_closed_by_device }: WholeDeadLetter): AppError {
  if (is_closed_by_device) {
    const within = replay_op_id === null ? '' : ` It is operation ${replay_op_id} now.`
    return new AppError('conflict', `${reason ?? 'Its device sent it again.'}${within}`)
  }
  const done: Record<string, string> = {
    replayed: 'It was replayed already: a dead letter is replayed once.',
    discarded: 'It was discarded. Restore it first.',
    replaying: 'It is being replayed.',
  }
  return done[state] === undefined ? settledFirst() : new AppError('conflict', done[state])
}

function settledFirst(): AppError {
  return new AppError('conflict', 'Somebody settled it first. Look at it again.')
}
