import NextAuth from 'next-auth'
import { NextRequest } from 'next/server'
import { authOptions } from '#lib/server/auth.ts'
import { readBounded } from '#lib/server/http/body.ts'
import { endpoint, openRoute } from '#lib/server/http/door.ts'

/** A sign-in form is small. */
const bodyLimitBytes = 64 * 1024

/** next-auth's own routes. They guard themselves: its POST routes want its CSRF token. */
const auth = openRoute('auth', async ({ request }, params) => {
  // Without it next-auth wants NEXTAUTH_URL; the host is trusted because client-address.ts cleaned the headers.
  process.env['AUTH_TRUST_HOST'] ??= 'true'
  const body = request.method === 'GET' ? null : await readBounded(request, bodyLimitBytes)
  const { url, method, headers } = request
  const bounded = new NextRequest(url, { method, headers, ...(body ? { body: new Uint8Array(body) } : {}) })
  const context = { params: Promise.resolve({ nextauth: (params['nextauth'] ?? '').split('/') }) }
  const response: Response = await NextAuth(bounded, context, authOptions(headers))
  return response
})

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({ GET: auth, POST: auth })
