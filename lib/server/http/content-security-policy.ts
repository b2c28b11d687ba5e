/**
 * The policy of a page: scripts with this response's nonce and what they load, everything else from here.
 * Style attributes are allowed, because charts and floating elements are placed by them; style elements are not.
 */
export function contentSecurityPolicy(
  nonce: string,
  where: { isHttps: boolean; isDevelopment: boolean },
): string {
  const { isHttps, isDevelopment } = where
  return [
    `default-src 'self'`,
    // In development React rebuilds the server's stacks with eval, and Next reloads over a socket.
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${isDevelopment ? ` 'unsafe-eval'` : ''}`,
    isDevelopment ? `style-src 'self' 'unsafe-inline'` : `style-src 'self' 'nonce-${nonce}'`,
    `style-src-attr 'unsafe-inline'`,
    `img-src 'self' data: blob:`,
    `font-src 'self' data:`,
    `connect-src 'self'${isDevelopment ? ' ws: wss:' : ''}`,
    `worker-src 'self'`,
    `object-src 'none'`,
    `base-uri 'none'`,
    `form-action 'self'`,
    `frame-ancestors 'none'`,
    ...(isHttps ? ['upgrade-insecure-requests'] : []),
  ].join('; ')
}

/** Of an API reply: it is data, and nothing in it may run. */
export const apiContentSecurityPolicy = `default-src 'none'; frame-ancestors 'none'`
