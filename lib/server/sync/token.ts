import { z } from 'zod'
import { openCursor, sealCursor } from './cursor.ts'

/** Where a device stands in the feed. Opaque to devices: signed, so that it cannot be made up. */
const contents = z.object({
  v: z.literal(1),
  /** Epoch of the history it belongs to. */
  e: z.string(),
  /** Position in each scope. Pairs, because a scope may have any name. */
  s: z.array(z.tuple([z.string(), z.number()])),
  /** First bytes of each scope's chain at that position, hex. */
  c: z.array(z.tuple([z.string(), z.string()])),
  /** Scopes that were revoked and are being left: the last record told, `["", ""]` at the start. */
  l: z.array(z.tuple([z.string(), z.tuple([z.string(), z.string()])])).optional(),
  /** When it was made, milliseconds since 1970. */
  t: z.number().optional(),
})

export type SyncToken = {
  epoch: string
  positions: Map<string, number>
  chains: Map<string, string>
  leaving: Map<string, [table: string, recordId: string]>
  /** Milliseconds since 1970; null where the token does not say. It tells one restore of the server from the next. */
  issuedAt: number | null
}

const chainBytesHex = 16

/** What a token keeps of a chain hash. */
export function chainPrefix(chainHex: string): string {
  return chainHex.slice(0, chainBytesHex)
}

export function writeToken(token: SyncToken, secret: string): string {
  const body: z.output<typeof contents> = {
    v: 1,
    e: token.epoch,
    s: [...token.positions],
    c: [...token.chains],
  }
  if (token.leaving.size > 0) body.l = [...token.leaving]
  if (token.issuedAt !== null) body.t = token.issuedAt
  return sealCursor(body, secret)
}

/** @returns null where the token was not made by this server's secret, or not in this form */
export function readToken(token: string, secret: string): SyncToken | null {
  const parsed = contents.safeParse(openCursor(token, secret))
  if (!parsed.success) return null
  const body = parsed.data
  return {
    epoch: body.e,
    positions: new Map(body.s),
    chains: new Map(body.c),
    leaving: new Map(body.l),
    issuedAt: body.t ?? null,
  }
}
