import { AppError } from '#lib/protocol/errors.ts'
import type { ApiRequest } from './api-request.ts'

/**
 * Refuses a write that a browser sends for another site: cookies come along by themselves, so they prove nothing.
 * Every browser says where a write comes from, in Sec-Fetch-Site or Origin; one that says neither is refused too.
 * @throws AppError `forbidden`, `unsupported_media_type`
 */
export function requireSameOrigin(request: ApiRequest): void {
  if (!isSameOrigin(request)) {
    throw new AppError(
      'forbidden',
      'A signed-in write must come from this site. Scripts use an API key instead.',
    )
  }
  // A form cannot send this type, and another site's script cannot without being asked first.
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? '')) {
    throw new AppError('unsupported_media_type', 'Send the body as application/json.')
  }
}

function isSameOrigin({ headers, url }: ApiRequest): boolean {
  const site = headers.get('sec-fetch-site')
  if (site !== null && site !== 'same-origin') return false
  const origin = headers.get('origin')
  if (origin === null) return site === 'same-origin'
  const host = headers.get('x-forwarded-host') ?? headers.get('host') ?? new URL(url).host
  return URL.canParse(origin) && new URL(origin).host === host
}
