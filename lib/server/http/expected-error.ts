import { AppError } from '#lib/protocol/errors.ts'
import { sqlState } from '../sql-state.ts'
import { isUnavailable } from './unavailable.ts'

const diskFull = '53100'

/** What to answer for anything that was thrown: what is not expected is `internal`, told without its text. */
export function expectedError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown
  if (sqlState(thrown) === diskFull) {
    return new AppError(
      'storage_full',
      'The server has no room left. Nothing that was acknowledged is lost: keep the changes and try again later.',
      { cause: thrown },
    )
  }
  if (isUnavailable(thrown)) {
    return new AppError(
      'unavailable',
      'The database cannot be reached. Nothing was lost: keep the changes and try again.',
      { cause: thrown },
    )
  }
  return new AppError(
    'internal',
    'This is a fault of the server. Nothing that was acknowledged is lost; quote the trace id when you report it.',
    { cause: thrown },
  )
}
