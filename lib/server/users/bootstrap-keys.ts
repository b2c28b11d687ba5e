import { ensureApiKey } from '../api-keys/ensure.ts'
import { ensureEnrollmentKey } from '../enrollment-keys/ensure.ts'

/**
 * Adds the keys that the environment gives: an API key with the role admin, and an enrolment key for any scope.
 * Run at every start. A key that is known already stays as it is, so one that was revoked stays revoked; keys that
 * are gone from the environment are not removed: revoke them.
 */
export async function ensureBootstrapKeys(keys: {
  apiKey?: string | undefined
  enrollmentKey?: string | undefined
}): Promise<void> {
  if (keys.apiKey) await ensureApiKey(keys.apiKey)
  if (keys.enrollmentKey) await ensureEnrollmentKey(keys.enrollmentKey)
}
