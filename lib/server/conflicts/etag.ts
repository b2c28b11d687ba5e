import { staleError } from '../http/precondition.ts'

/** What a person saw: the conflict's version and the record's. Either may move while they think. */
export type SeenVersions = { conflict: number; record: number }

export function conflictEtag({ conflict, record }: SeenVersions): string {
  return `"${conflict}.${record}"`
}

/** @param tag what If-Match said, without quotes @throws AppError `stale` for an ETag this server never gave */
export function seenVersions(tag: string): SeenVersions {
  const [, conflict, record] = /^(\d{1,10})\.(\d{1,10})$/.exec(tag) ?? []
  if (conflict === undefined || record === undefined) throw staleError()
  return { conflict: Number(conflict), record: Number(record) }
}
