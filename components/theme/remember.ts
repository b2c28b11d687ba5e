const yearSeconds = 31_536_000

/** Remembers a choice of looks for a year, for this browser. */
export function remember(cookie: string, value: string): void {
  document.cookie = `${cookie}=${encodeURIComponent(value)}; path=/; max-age=${yearSeconds}; samesite=lax`
}
