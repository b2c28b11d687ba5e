import { createHmac, timingSafeEqual } from 'node:crypto'

/** JSON as opaque text that only this server can have made. */
export function sealCursor(value: unknown, secret: string): string {
  const text = Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${text}.${sign(text, secret)}`
}

/** @returns what was sealed, or null where the text was not made with this secret */
export function openCursor(sealed: string, secret: string): unknown {
  const [text, signature, ...more] = sealed.split('.')
  if (!text || !signature || more.length > 0) return null
  const given = Buffer.from(signature)
  const right = Buffer.from(sign(text, secret))
  if (given.length !== right.length || !timingSafeEqual(given, right)) return null
  return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
}

function sign(text: string, secret: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url').slice(0, 32)
}
