import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** Recognisable in a log or a leak, so that scanners and people see what it opens. */
const prefixes = { device: 'hf_dev_', apiKey: 'hf_api_', enrollmentKey: 'hf_enr_' } as const

/** A new secret of 256 random bits. It is shown once; only its hash is stored. */
export function createToken(kind: keyof typeof prefixes): string {
  return prefixes[kind] + randomBytes(32).toString('base64url')
}

/**
 * What is stored of a token. Plain SHA-256: the tokens are random, so there is nothing to guess slowly.
 */
export function hashToken(token: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(token, 'utf8').digest())
}

/** Whether two hashes are the same, in a time that does not depend on where they differ. */
export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}

/** The token of an `Authorization: Bearer …` header, null where there is none. */
export function bearerToken(headers: Headers): string | null {
  const match = /^Bearer +([^\s]{1,500})$/i.exec(headers.get('authorization')?.trim() ?? '')
  return match?.[1] ?? null
}
