/** SQLSTATE classes and driver codes that mean "the database is away or full of work", not "the statement is wrong". */
const sqlStates = /^(08|57P0|53)/
const driverCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'P1001',
  'P1002',
  'P1008',
  'P1017',
  'P2024',
  'P2028',
])
const driverTexts =
  /timeout exceeded when trying to connect|Query read timeout|Connection terminated|terminating connection|not yet accepting|ConnectionClosed|server closed the connection/i

/** Whether an error of the database says that it cannot be reached right now: the caller may try again. */
export function isUnavailable(error: unknown): boolean {
  for (let cause = error, depth = 0; cause && depth < 6; depth++) {
    if (typeof cause !== 'object') return false
    const { code, originalCode, kind, message } = cause as Record<string, unknown>
    for (const value of [code, originalCode]) {
      if (typeof value === 'string' && (driverCodes.has(value) || sqlStates.test(value))) return true
    }
    if (
      typeof kind === 'string' &&
      /DatabaseNotReachable|ConnectionClosed|TooManyConnections|SocketTimeout/.test(kind)
    ) {
      return true
    }
    if (typeof message === 'string' && driverTexts.test(message)) return true
    cause =
      (cause as { cause?: unknown; meta?: { driverAdapterError?: unknown } }).cause ??
      (cause as { meta?: { driverAdapterError?: unknown } }).meta?.driverAdapterError
  }
  return false
}
