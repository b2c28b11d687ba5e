import type { EnrollmentKey } from '#lib/protocol/access.ts'
import { authorise, type Actor } from '../actor.ts'
import type { Page } from '../list/page.ts'
import { toEnrollmentKey } from './create.ts'
import { selectEnrollmentKeys } from './store.ts'

/** Every enrolment key, revoked ones too, the newest first. They are few. */
export async function listEnrollmentKeys(actor: Actor): Promise<Page<EnrollmentKey>> {
  authorise(actor, 'admin')
  const items = (await selectEnrollmentKeys()).map(toEnrollmentKey)
  return { items, next_cursor: null, total: items.length }
}
