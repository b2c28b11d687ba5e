import type { CommitRequest } from '#lib/server/sync/store.ts'
import { ModelError } from './model-error.ts'
import { settleSagas } from './sagas.ts'
import type { Transaction } from './transaction.ts'

const moved = (what: string) => new ModelError('HF001', what)
const gone = (what: string) => new ModelError('HF002', what)

/** The part of push_commit beside the feed: conflicts, dead letters, what a person's write settles, the audit. */
export async function settleBatch(tx: Transaction, p: CommitRequest, nowMillis: number): Promise<void> {
  for (const conflict of p.conflicts) await addConflict(tx, conflict)
  await moveConflicts(tx, p.moves, p.resolve?.id)
  for (const letter of p.dead_letters) await addLetter(tx, letter, p.stream?.device ?? p.actor_id)
  if (p.resolve) await resolve(tx, p.resolve)
  if (p.reopen) await reopen(tx, p.reopen)
  if (p.replay) await replay(tx, p.replay)
  await settleSagas(tx, p, nowMillis)
  if (p.audit.length > 0) {
    await tx.lock('audit_head', '')
    for (const entry of p.audit) tx.append('audit', entry)
  }
}

/** The open conflicts of a record that changes scope go with it, all but the one that this resolves. */
async function moveConflicts(
  tx: Transaction,
  moves: CommitRequest['moves'],
  resolved: string | undefined,
): Promise<void> {
  for (const { table, id, from, to } of moves) {
    for (const { id: conflictId } of tx.openConflicts({ scope: from, table, id })) {
      if (conflictId === resolved) continue
      await tx.lock('conflicts', conflictId)
      const known = tx.get('conflicts', conflictId)
      if (known?.state !== 'open' || known.scope !== from) continue
      await tx.put('conflicts', conflictId, { ...known, scope: to, version: known.version + 1 })
    }
  }
}

async function addConflict(tx: Transaction, row: CommitRequest['conflicts'][number]): Promise<void> {
  const opened = {
    ...row,
    version: 1,
    state: 'open' as const,
    choice: null,
    resolved_version: null,
    moved_from: null,
  }
  if (await tx.insert('conflicts', row.id, opened)) return
  const known = tx.get('conflicts', row.id)!
  if (known.state !== 'open') throw new ModelError('HF001', 'a conflict was resolved meanwhile')
  await tx.put('conflicts', row.id, {
    ...known,
    later_op_ids: [...known.later_op_ids, row.op_id, ...row.later_op_ids],
    operation: row.operation,
    to_scope: row.to_scope ?? known.to_scope,
    fields: [...new Set([...known.fields, ...row.fields])].toSorted(),
    client_data: row.client_data,
    client_hlc: row.client_hlc,
    client_vector: row.client_vector,
    server_version: row.server_version,
    server_data: row.server_data,
    server_hlc: row.server_hlc,
    server_vector: row.server_vector,
    server_device_id: row.server_device_id,
    version: known.version + 1,
  })
}

/** The id of a dead letter follows from its hash, so one key stands for both. */
async function addLetter(
  tx: Transaction,
  row: CommitRequest['dead_letters'][number],
  actor: string,
): Promise<void> {
  const fresh = { ...row, state: 'open' as const, version: 1, replay_op_id: null }
  let letter = fresh
  if (!(await tx.insert('letters', row.id, fresh))) {
    const known = tx.get('letters', row.id)!
    await tx.put('letters', row.id, { ...known, attempts: known.attempts + 1 })
    letter = { ...fresh, code: known.code, op_id: known.op_id }
  }
  const { code, op_id } = letter
  tx.append('attempts', { dead_letter_id: row.id, actor, op_id, outcome: 'received', code })
}

async function resolve(tx: Transaction, given: NonNullable<CommitRequest['resolve']>): Promise<void> {
  await tx.lock('conflicts', given.id)
  const known = tx.get('conflicts', given.id)
  if (known?.state !== 'open' || known.version !== given.version) throw gone('the conflict moved')
  await tx.put('conflicts', given.id, {
    ...known,
    state: 'resolved',
    choice: given.choice,
    resolved_version: given.resolved_version,
    ...(given.moved_to === null ? { moved_from: null } : { scope: given.moved_to, moved_from: known.scope }),
    version: known.version + 1,
  })
}

async function reopen(tx: Transaction, given: NonNullable<CommitRequest['reopen']>): Promise<void> {
  await tx.lock('conflicts', given.id)
  const known = tx.get('conflicts', given.id)
  if (known?.state !== 'resolved' || known.version !== given.version) throw gone('the conflict moved')
  await tx.put('conflicts', given.id, {
    ...known,
    ...{ state: 'open', choice: null, resolved_version: null, version: known.version + 1 },
    ...{ scope: known.moved_from ?? known.scope, moved_from: null },
  })
}

async function replay(tx: Transaction, given: NonNullable<CommitRequest['replay']>): Promise<void> {
  await tx.lock('letters', given.id)
  const known = tx.get('letters', given.id)
  if (known?.state !== 'open' || known.version !== given.version) throw gone('the dead letter moved')
  const { id, state, op_id, outcome, code, actor } = given
  await tx.put('letters', id, {
    ...known,
    state,
    version: known.version + 1,
    replay_op_id: state === 'replayed' ? op_id : null,
    code: code ?? known.code,
    detail: given.detail ?? known.detail,
    fingerprint: given.fingerprint ?? known.fingerprint,
    pointers: given.pointers ?? known.pointers,
    attempts: known.attempts + 1,
  })
  tx.append('attempts', { dead_letter_id: id, actor, op_id, outcome, code })
}

/** What close_resent does: the dead letters of what came again within other operations. */
export async function closeResent(
  tx: Transaction,
  { device, replayed, sent }: NonNullable<CommitRequest['resent']>,
): Promise<void> {
  const within = new Map(sent.map((each) => [each.op_id, each]))
  const letters = tx.lettersOf(device).filter(({ op_id }) => within.has(op_id ?? ''))
  for (const { id } of letters) await tx.lock('letters', id)
  for (const { id } of letters) {
    if (tx.get('letters', id)?.state === 'replayed' && !replayed.includes(id))
      throw moved('a dead letter was replayed meanwhile')
  }
  for (const { id } of letters) {
    const known = tx.get('letters', id)!
    const { by, outcome } = within.get(known.op_id ?? '')!
    const isDiscarded = outcome === 'discarded'
    if (known.state !== 'open' && (isDiscarded || known.state !== 'discarded')) continue
    const closed = isDiscarded
      ? { state: 'discarded' as const, replay_op_id: null }
      : { state: 'replayed' as const, replay_op_id: by }
    await tx.put('letters', id, {
      ...{ ...known, ...closed },
      version: known.version + 1,
      attempts: known.attempts + 1,
    })
    tx.append('attempts', { dead_letter_id: id, actor: device, op_id: by, outcome, code: null })
  }
}
