import { AppError } from '#lib/protocol/errors.ts'

/** The ETag of an item that counts its changes. */
export function etag(version: number): string {
  return `"${version}"`
}

/**
 * The ETag in If-Match, without its quotes.
 * @throws AppError `precondition_required` without If-Match, `stale` for what no ETag of this server looks like
 */
export function requiredTag(headers: Headers): string {
  const header = headers.get('if-match')
  if (header === null) {
    throw new AppError('precondition_required', 'Send If-Match with the ETag of the item as you saw it.')
  }
  // A compressing proxy turns the ETag into a weak one; it names the same version.
  const tag = /^(?:W\/)?"([\w.:-]{1,100})"$/.exec(header.trim())?.[1]
  if (tag === undefined) throw staleError()
  return tag
}

/** The same for items whose ETag is their version alone. */
export function requiredVersion(headers: Headers): number {
  const tag = requiredTag(headers)
  if (!/^\d{1,10}$/.test(tag)) throw staleError()
  return Number(tag)
}

/** The version a write says it saw, where it says so: null without If-Match. @throws AppError `stale` */
export function optionalVersion(headers: Headers): number | null {
  return headers.has('if-match') ? requiredVersion(headers) : null
}

export function staleError(): AppError {
  return new AppError(
    'stale',
    'Someone else changed this first. Load it again and repeat what you meant to do.',
  )
}
