import type { ChangeRow } from '../../model/tables.ts'

/** A state of a record, as the log tells it. */
export type Told = ChangeRow & { feedSeq: number; actorKind: string }

/** A record's key, for people. */
export const label = (key: string): string => key.split('\u0001').join('/')
