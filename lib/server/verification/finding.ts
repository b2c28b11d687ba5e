/** What a verification looks at. */
export type Check =
  | 'feed'
  | 'state'
  | 'records'
  | 'answers'
  | 'conflicts'
  | 'dead_letters'
  | 'sagas'
  | 'audit'

/** One place that is not as it was written. */
export type Finding = {
  check: Check
  scope?: string | undefined
  table?: string | undefined
  record_id?: string | undefined
  /** The commit, or for `answers` the operation of the device's stream. */
  seq?: number | undefined
  /** The change within its commit, or the step within its saga. */
  ordinal?: number | undefined
  /** Of a conflict, a dead letter, a saga, an audit entry, a device. */
  id?: string | undefined
  detail: string
}

/** A finding as one line: where, then what. */
export function lineOf({ check, detail, scope, table, record_id, seq, ordinal, id }: Finding): string {
  const place = Object.entries({ scope, table, record: record_id, seq, ordinal, id }).flatMap(
    ([name, value]) =>
      value === undefined ? [] : [`${name}=${/\s|"/.test(String(value)) ? JSON.stringify(value) : value}`],
  )
  return [check, ...place, detail].join('  ')
}
