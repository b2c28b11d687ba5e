import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { z } from 'zod'

const keptSchema = z.object({ headers: z.record(z.string(), z.string()), body: z.string() })
type KeptAnswer = z.output<typeof keptSchema>

/**
 * Encrypts an answer under the caller's own key, of which only a hash is stored: an answer may hold a secret that
 * is shown once, and whoever reads the database must not find it there.
 */
export function seal(answer: KeptAnswer, key: string): string {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', derive(key), nonce)
  const text = Buffer.concat([cipher.update(JSON.stringify(answer), 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64')
}

/** @throws Error where the key is not the one it was sealed with */
export function open(sealed: string, key: string): KeptAnswer {
  const bytes = Buffer.from(sealed, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', derive(key), bytes.subarray(0, 12))
  decipher.setAuthTag(bytes.subarray(12, 28))
  const text = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
  return keptSchema.parse(JSON.parse(text))
}

function derive(key: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, '', 'holdfast idempotency', 32))
}
