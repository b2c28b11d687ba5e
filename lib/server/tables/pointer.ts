import { parsePath } from '#lib/core/merge.ts'

/** JSON pointer (RFC 6901) into a change for a dotted path of its data: `address.city` → `/data/address/city`. */
export function dataPointer(path: string): string {
  return ['/data', ...parsePath(path).map(escapeToken)].join('/')
}

export function escapeToken(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
