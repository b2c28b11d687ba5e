import type { Json } from '#lib/core/json.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { DeadLetterDetail } from '#lib/protocol/console.ts'
import { authorise, type Actor } from '../actor.ts'
import { database } from '../db.ts'
import { etag } from '../http/precondition.ts'
import { currentRecord, type CurrentRecord } from '../records/read.ts'
import { shownChange } from '../sync/sent-text.ts'
import { loadPolicies } from '../tables/policy-cache.ts'
import { toItem } from './list.ts'
import { selectAttempts, selectDeadLetter, type WholeDeadLetter } from './store.ts'

/**
 * A dead letter with its change, what was tried, and the record as it is now.
 * @throws AppError `not_found`
 */
export async function getDeadLetter(actor: Actor, id: string): Promise<DeadLetterDetail> {
  authorise(actor, 'viewer')
  const letter = await loadDeadLetter(id)
  const [attempts, current, schema] = await Promise.all([
    selectAttempts(id),
    recordOf(letter),
    letter.table === null ? null : schemaOf(letter.table),
  ])
  return {
    ...toItem(letter),
    etag: etag(letter.version),
    change_text: letter.change,
    change: shownChange(letter.change),
    attempt_log: attempts.map((attempt) => ({ ...attempt, at: attempt.at.toISOString() })),
    current: current && { version: current.version, data: current.data },
    schema,
  }
}

/** @throws AppError `not_found` */
export async function loadDeadLetter(id: string): Promise<WholeDeadLetter> {
  const letter = await selectDeadLetter(id)
  if (!letter) throw new AppError('not_found', 'There is no such dead letter.')
  return letter
}

/** The change as JSON; null where a device reported text that is none. */
export function parseChange(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}

function recordOf({ scope, table, record_id }: WholeDeadLetter): Promise<CurrentRecord | null> | null {
  return scope === null || table === null || record_id === null
    ? null
    : currentRecord({ scope, table, id: record_id })
}

async function schemaOf(table: string): Promise<DeadLetterDetail['schema']> {
  return (await loadPolicies(database(), [table])).get(table)?.schema ?? null
}
