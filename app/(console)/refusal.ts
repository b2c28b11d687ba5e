import { hasRole, type Actor, type Role } from '#lib/server/actor.ts'

/**
 * Why this person may not do a thing, in words for the place where its button would be; undefined when they may.
 * The verb refuses it regardless: this only spares the attempt.
 */
export function refusalOf(actor: Actor, role: Role, what: string): string | undefined {
  if (hasRole(actor, role)) return undefined
  return `${what} needs the role ${role}; you are signed in as ${actor.role}. An admin can give you the role.`
}
