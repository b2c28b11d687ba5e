import { AppError } from '#lib/protocol/errors.ts'

export const roles = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof roles)[number]

declare const authenticated: unique symbol

/**
 * Who acts: the first argument of every verb. Only authentication and the system itself make one
 * (`personActor`, `systemActor`), so a verb that has an Actor knows that somebody checked.
 */
export type Actor = {
  readonly kind: 'person' | 'system'
  /** User id or API key id; for the system, the name of the part that acts. */
  readonly id: string
  /** E-mail of a person, name of a key: what the audit shows. */
  readonly name: string
  readonly role: Role
  readonly via: 'session' | 'api_key' | 'system'
  readonly [authenticated]: true
}

export function personActor(actor: {
  id: string
  name: string
  role: Role
  via: 'session' | 'api_key'
}): Actor {
  return { ...actor, kind: 'person' } as Actor
}

export function systemActor(part: string): Actor {
  return { kind: 'system', id: part, name: part, role: 'admin', via: 'system' } as Actor
}

export function hasRole(actor: { role: Role }, role: Role): boolean {
  return roles.indexOf(actor.role) >= roles.indexOf(role)
}

/** @throws AppError `forbidden` when the actor's role is below `role` */
export function authorise(actor: Actor, role: Role): void {
  if (!hasRole(actor, role)) {
    throw new AppError('forbidden', `This needs the role ${role}; you are signed in as ${actor.role}.`)
  }
}
