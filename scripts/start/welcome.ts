import { bold, dim } from './progress.ts'
import type { Settings } from './settings.ts'

/** What a person wants to know once everything runs. A made-up password is shown here and nowhere else. */
export function welcome({ origin, admin }: Settings, newPassword: string | null): void {
  const password =
    newPassword ?? dim(admin.password ? 'HOLDFAST_ADMIN_PASSWORD' : 'the one shown at the first start')
  console.log(`
  Open      ${bold(origin)}
  Sign in   ${bold(admin.email)}
  Password  ${newPassword ? bold(newPassword) : password}${newPassword ? dim('  (shown only now)') : ''}

  ${dim('Ctrl-C stops everything.')}
`)
}
