/** The SQLSTATE of an error from Postgres, wherever Prisma put it; null for any other error. */
export function sqlState(error: unknown): string | null {
  for (let cause = error, depth = 0; typeof cause === 'object' && cause !== null && depth < 6; depth++) {
    const { code, originalCode, meta, cause: inner } = cause as Record<string, unknown>
    for (const value of [originalCode, code]) {
      if (typeof value === 'string' && /^[0-9A-Z]{5}$/.test(value) && !/^P\d{4}$/.test(value)) return value
    }
    cause = inner ?? (meta as { driverAdapterError?: unknown } | undefined)?.driverAdapterError
  }
  return null
}
