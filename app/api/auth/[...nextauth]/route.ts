import NextAuth from 'next-auth'
import { NextRequest } from 'next/server'
import { authOptions } from '#lib/server/auth.ts'
import { boundedAuthRequest } from '#lib/server/http/auth-request.ts'
import { endpoint, openRoute } from '#lib/server/http/door.ts'

/** next-auth's own routes. They guard themselves: its POST routes want its CSRF token. */
const auth = openRoute('auth', async ({ request }, params) => {
  // Without it next-auth wants NEXTAUTH_URL; the host is trusted because client-address.ts cleaned the headers.
  process.env['AUTH_TRUST_HOST'] ??= 'true'
  const { url, init } = await boundedAuthRequest(request)
  const context = { params: Promise.resolve({ nextauth: (params['nextauth'] ?? '').split('/') }) }
  const response: Response = await NextAuth(new NextRequest(url, init), context, authOptions(request.headers))
  return response
})

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({ GET: auth, POST: auth })
