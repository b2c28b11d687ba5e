import { z } from 'zod'
import { findUnfaithful } from '#lib/core/json.ts'
import { AppError } from '#lib/protocol/errors.ts'

/** `limit` and `cursor` of every list. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().max(4_000).optional(),
}

/** A page of a list. `total` counts everything that matches, exactly. */
export type Page<Item> = { items: Item[]; next_cursor: string | null; total: number }

/** Where the next page begins, opaque to callers: the sort values of the last row. */
export function encodeCursor(values: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url')
}

/** @throws AppError `invalid_request` where it is not a cursor of this list */
export function decodeCursor<T>(cursor: string | undefined, schema: z.ZodType<T>): T | null {
  if (cursor === undefined) return null
  try {
    const values: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    const unfaithful = findUnfaithful(values)
    if (unfaithful) throw new Error(unfaithful.detail)
    return schema.parse(values)
  } catch (cause) {
    throw new AppError('invalid_request', 'The cursor is not one of this list: start again without it.', {
      cause,
      extras: { errors: [{ pointer: '/cursor', detail: 'is not a cursor of this list' }] },
    })
  }
}
