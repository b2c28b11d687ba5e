/** `system` follows the machine; it is also what an absent or unknown cookie means. */
export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

/** A cookie, so that the server paints the right colours at once: no flash and no script before the page. */
export const themeCookie = 'holdfast-theme'
export const timeZoneCookie = 'holdfast-time-zone'

export function parseTheme(cookie: string | undefined): Theme {
  return themes.find((theme) => theme === cookie) ?? 'system'
}

/** The zone people chose, or UTC: what everybody reads the same way. */
export function parseTimeZone(cookie: string | undefined): string {
  if (cookie === undefined) return 'UTC'
  try {
    return new Intl.DateTimeFormat('en', { timeZone: decodeURIComponent(cookie) }).resolvedOptions().timeZone
  } catch {
    return 'UTC'
  }
}
