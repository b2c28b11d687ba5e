import { AppError } from '#lib/protocol/errors.ts'
import type { ApiRequest } from './api-request.ts'

/**
 * What follows a collection in an address, for names that contain slashes: callers may send the slashes as they are or
 * percent-encoded. `/api/v1/tables/brands%2Famenity/cafe` after `tables` → `['brands', 'amenity', 'cafe']`
 */
export function partsAfter(request: ApiRequest, collection: string): string[] {
  const { pathname } = new URL(request.url)
  const start = `/api/v1/${collection}/`
  if (!pathname.startsWith(start)) return []
  try {
    return decodeURIComponent(pathname.slice(start.length)).split('/')
  } catch (cause) {
    throw new AppError('not_found', 'The address is not well-formed percent-encoded UTF-8.', { cause })
  }
}
