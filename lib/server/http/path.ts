import { uuid } from '#lib/protocol/sync.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { Params } from './door.ts'

/**
 * What follows a collection in an address, for names that contain slashes: callers may send the slashes as they are or
 * percent-encoded. `/api/v1/tables/brands%2Famenity/cafe` after `tables` → `['brands', 'amenity', 'cafe']`
 */
export function partsAfter(request: Request, collection: string): string[] {
  const { pathname } = new URL(request.url)
  const start = `/api/v1/${collection}/`
  if (!pathname.startsWith(start)) return []
  try {
    return decodeURIComponent(pathname.slice(start.length)).split('/')
  } catch (cause) {
    throw new AppError('not_found', 'The address is not well-formed percent-encoded UTF-8.', { cause })
  }
}

/** The id in an address such as `/conflicts/{id}`. What is no id names nothing. @throws AppError `not_found` */
export function itemId(params: Params): string {
  const id = uuid.safeParse(params['id']?.toLowerCase())
  if (!id.success) throw new AppError('not_found', 'There is nothing of this id.')
  return id.data
}
