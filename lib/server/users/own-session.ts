import { AppError } from '#lib/protocol/errors.ts'
import type { Actor } from '../actor.ts'

/** For what a person does with their own account. @throws AppError `forbidden` for an API key, which has none */
export function requireOwnSession(actor: Actor): void {
  if (actor.via !== 'session')
    throw new AppError('forbidden', 'This is for people who are signed in; an API key has no account.')
}
