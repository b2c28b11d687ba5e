import { deleteEndedSagas } from './store.ts'

const keptDays = 90

/** Sagas that ended a quarter ago go, with their steps: the records and the log keep what they did. @returns how many */
export function trimSagas(): Promise<number> {
  return deleteEndedSagas(keptDays)
}
