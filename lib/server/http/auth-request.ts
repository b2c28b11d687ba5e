import { z } from 'zod'
import { AppError } from '#lib/protocol/errors.ts'
import type { ApiRequest } from './api-request.ts'
import { readBounded } from './body.ts'

/** A sign-in form is small. */
const bodyLimitBytes = 64 * 1024

const formSchema = z.record(z.string(), z.unknown())

/**
 * A request as next-auth can bear it: it answers 500 to what it cannot read, so everything else is refused here.
 * @returns what to build its request from; a body is a form of plain text fields
 * @throws AppError `payload_too_large`, `malformed`
 */
export async function boundedAuthRequest(
  request: ApiRequest,
): Promise<{ url: string; init: { method: string; headers: Headers; body?: string } }> {
  const { url, method } = request
  const headers = new Headers(request.headers)
  const form = method === 'POST' ? await readForm(request) : null
  for (const callback of [new URL(url).searchParams.get('callbackUrl'), form?.get('callbackUrl')]) {
    if (callback && !isAddress(callback)) throw new AppError('malformed', 'callbackUrl is not an address.')
  }
  headers.set('cookie', withoutBadCallback(headers.get('cookie') ?? ''))
  if (!form) return { url, init: { method, headers } }
  headers.set('content-type', 'application/x-www-form-urlencoded')
  headers.delete('content-length')
  return { url, init: { method, headers, body: form.toString() } }
}

async function readForm(request: ApiRequest): Promise<URLSearchParams> {
  const text = new TextDecoder().decode(await readBounded(request, bodyLimitBytes))
  if (!request.headers.get('content-type')?.includes('application/json')) return new URLSearchParams(text)
  try {
    const fields = Object.entries(formSchema.parse(JSON.parse(text)))
    return new URLSearchParams(
      fields.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
    )
  } catch (cause) {
    throw new AppError('malformed', 'The body is not a JSON object.', { cause })
  }
}

function isAddress(text: string): boolean {
  return text.startsWith('/')
    ? URL.canParse(text, 'http://here')
    : /^https?:/.test(text) && URL.canParse(text)
}

/** The cookie in which next-auth remembers where to go; whatever stands in it came from outside. */
function withoutBadCallback(cookies: string): string {
  return cookies
    .split(';')
    .filter((cookie) => {
      const value = /^\s*(?:__Secure-)?next-auth\.callback-url=(.*)$/.exec(cookie)?.[1]
      return value === undefined || isAddress(decode(value))
    })
    .join(';')
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}
