import type { z } from 'zod'
import { findUnfaithful, jsonPointer } from '#lib/core/json.ts'
import { AppError, type FieldError } from '#lib/protocol/errors.ts'

/**
 * Reads a body or a query by its schema.
 * @throws AppError `invalid_request` with a JSON pointer for each fault, also for text that Postgres cannot hold
 */
export function parseRequest<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const unfaithful = findUnfaithful(value)
  if (unfaithful) throw invalidRequest([unfaithful])
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw invalidRequest(
    parsed.error.issues.slice(0, 50).map((issue) => ({
      pointer: jsonPointer(issue.path),
      detail: issue.message,
    })),
  )
}

/** The query of a URL as an object; a name that comes more than once is a list. */
export function queryObject(url: string): Record<string, string | string[]> {
  const { searchParams } = new URL(url)
  const entries = [...new Set(searchParams.keys())].map((key): [string, string | string[]] => {
    const values = searchParams.getAll(key)
    return [key, values.length === 1 ? (values[0] ?? '') : values]
  })
  return Object.fromEntries(entries)
}

export function invalidRequest(errors: FieldError[]): AppError {
  const first = errors[0]
  const detail = first
    ? `${first.pointer || 'The request'}: ${first.detail}`
    : 'The request has the wrong shape.'
  return new AppError('invalid_request', detail, { extras: { errors } })
}
