import { database } from '#lib/server/db.ts'
import { ensureBootstrapKeys } from '#lib/server/users/bootstrap-keys.ts'
import { ensureFirstAdmin } from '#lib/server/users/first-admin.ts'
import type { Secrets } from './secrets.ts'
import type { Settings } from './settings.ts'

/**
 * Makes sure that somebody can sign in and that the keys from the environment work.
 * @returns the first admin's password if one had to be made up: it is shown once and stored nowhere
 */
export async function ensureAccounts(
  { admin, keys, isDemo }: Settings,
  secrets: Secrets,
  databaseUrl: string,
): Promise<string | null> {
  // The verbs work on the process's own database, as they do in the server.
  process.env['DATABASE_URL'] = databaseUrl
  try {
    const { generatedPassword } = await ensureFirstAdmin(admin)
    await ensureBootstrapKeys({ apiKey: keys.api, enrollmentKey: keys.enrollment })
    if (isDemo)
      await ensureBootstrapKeys({ apiKey: secrets.demoApiKey, enrollmentKey: secrets.demoEnrollmentKey })
    return generatedPassword
  } finally {
    await database().$disconnect()
  }
}
