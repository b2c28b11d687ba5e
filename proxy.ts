import { NextResponse, type NextRequest } from 'next/server'
import { contentSecurityPolicy } from '#lib/server/http/content-security-policy.ts'

/**
 * Gives every page its content security policy with a nonce of its own, which Next puts on the scripts it renders.
 * Guards nothing: pages and routes authenticate for themselves.
 */
export function proxy(request: NextRequest): NextResponse {
  const nonce = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64')
  const isHttps = request.headers.get('x-forwarded-proto') === 'https'
  const policy = contentSecurityPolicy(nonce, {
    isHttps,
    isDevelopment: process.env.NODE_ENV === 'development',
  })
  const headers = new Headers(request.headers)
  headers.set('content-security-policy', policy)
  headers.set('x-nonce', nonce)
  // For the way back after signing in: server components do not see the address.
  headers.set('x-holdfast-path', request.nextUrl.pathname + request.nextUrl.search)
  const response = NextResponse.next({ request: { headers } })
  response.headers.set('content-security-policy', policy)
  if (isHttps) response.headers.set('strict-transport-security', 'max-age=31536000')
  return response
}

export const config = {
  // Pages alone. Never the API or /sync: Next cuts the bodies of what it proxies at 10 MB, with a 200.
  matcher: [
    '/((?!api$|api/|sync$|sync/|metrics$|livez$|readyz$|_next/static|_next/image|icon.svg|favicon.ico).*)',
  ],
}
