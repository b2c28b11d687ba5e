import { AppError } from '#lib/protocol/errors.ts'
import { sqlState } from '../sql-state.ts'
import { outageOf, type Outage } from './unavailable.ts'

const diskFull = '53100'
const outages: Readonly<Record<Outage, string>> = {
  away: 'The database cannot be reached. Nothing was lost: keep the changes and try again.',
  busy: 'The server has more to do than it can at once. Nothing was lost: keep the changes and try again.',
}

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
  const outage = outageOf(thrown)
  if (outage) return new AppError('unavailable', outages[outage], { cause: thrown })
  return new AppError(
    'internal',
    'This is a fault of the server. Nothing that was acknowledged is lost; quote the trace id when you report it.',
    { cause: thrown },
  )
}
