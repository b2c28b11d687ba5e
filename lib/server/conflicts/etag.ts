import { AppError } from '#lib/protocol/errors.ts'
import { staleError } from '../http/precondition.ts'

/** What a person saw: the conflict's version and the record's. Either may move while they think. */
export type SeenVersions = { conflict: number; record: number }

export function conflictEtag({ conflict, record }: SeenVersions): string {
  return `"${conflict}.${record}"`
}

/** @throws AppError `precondition_required` without If-Match, `stale` for an ETag this server never gave */
export function seenVersions(headers: Headers): SeenVersions {
  const header = headers.get('if-match')
  if (header === null) {
    throw new AppError('precondition_required', 'Send If-Match with the ETag of the conflict as you saw it.')
  }
  const [, conflict, record] = /^(?:W\/)?"(\d{1,10})\.(\d{1,10})"$/.exec(header.trim()) ?? []
  if (conflict === undefined || record === undefined) throw staleError()
  return { conflict: Number(conflict), record: Number(record) }
}
