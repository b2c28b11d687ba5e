/** Why the database did not do what it was asked: it is away, or it has more to do than it can. */
export type Outage = 'away' | 'busy'

/** SQLSTATEs that mean "away" or "busy", not "the statement is wrong". */
const sqlStates: readonly [RegExp, Outage][] = [
  // Too many connections, no memory; a statement that ran into its time limit.
  [/^(53|57014$)/, 'busy'],
  [/^(08|57P0)/, 'away'],
]
const driverCodes: Readonly<Record<string, Outage>> = {
  ...{ ECONNREFUSED: 'away', ECONNRESET: 'away', ENOTFOUND: 'away', EPIPE: 'away', ETIMEDOUT: 'away' },
  ...{ P1001: 'away', P1002: 'away', P1008: 'away', P1017: 'away' },
  // No connection, or no transaction, came free in the time there was.
  ...{ P2024: 'busy', P2028: 'busy' },
}
const kinds: readonly [RegExp, Outage][] = [
  [/TooManyConnections/, 'busy'],
  [/DatabaseNotReachable|ConnectionClosed|SocketTimeout/, 'away'],
]
const texts: readonly [RegExp, Outage][] = [
  // The pool's own words where every connection is taken; one that cannot be made ends otherwise.
  [/timeout exceeded when trying to connect/i, 'busy'],
  [
    /Query read timeout|Connection terminated|terminating connection|not yet accepting|ConnectionClosed|server closed the connection/i,
    'away',
  ],
]

/** Whether an error of the database says that it is away or busy right now: the caller may try again. */
export function isUnavailable(error: unknown): boolean {
  return outageOf(error) !== null
}

/** What an error of the database says of the database; null where it says something of the statement, or is no such. */
export function outageOf(error: unknown): Outage | null {
  for (let cause = error, depth = 0; cause && depth < 6; depth++) {
    if (typeof cause !== 'object') return null
    const { code, originalCode, kind, message } = cause as Record<string, unknown>
    const found =
      codeOutage(code) ?? codeOutage(originalCode) ?? matching(kinds, kind) ?? matching(texts, message)
    if (found) return found
    cause =
      (cause as { cause?: unknown; meta?: { driverAdapterError?: unknown } }).cause ??
      (cause as { meta?: { driverAdapterError?: unknown } }).meta?.driverAdapterError
  }
  return null
}

function codeOutage(code: unknown): Outage | null {
  return typeof code === 'string' ? (driverCodes[code] ?? matching(sqlStates, code)) : null
}

function matching(patterns: readonly [RegExp, Outage][], value: unknown): Outage | null {
  if (typeof value !== 'string') return null
  return patterns.find(([pattern]) => pattern.test(value))?.[1] ?? null
}
