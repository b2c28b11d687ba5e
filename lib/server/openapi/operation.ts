import type { z } from 'zod'
import type { ErrorCode } from '#lib/protocol/errors.ts'
import type { Role } from '../actor.ts'

/** One verb of one address, as the API's description tells it. */
export type Operation = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** With `{name}` for what varies. */
  path: string
  summary: string
  /** Who may call it; `person`: whoever is signed in, but no API key. */
  who: 'anybody' | 'device' | 'person' | Role
  query?: z.ZodObject
  body?: z.ZodType
  /** What a 200 carries (201 where something is made). */
  reply?: z.ZodType
  /** Media type of the reply, where it is not JSON. */
  replyType?: 'text/event-stream'
  made?: 'always' | 'sometimes'
  ifMatch?: 'required' | 'optional'
  /** Expected failures beside those that every operation of its kind has. */
  problems?: readonly ErrorCode[]
}
