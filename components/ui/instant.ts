/** Points in time as text: absolute in one zone, and relative to a now. */

const units = [
  { limit: 60, size: 1, short: 's' },
  { limit: 3600, size: 60, short: 'min' },
  { limit: 172_800, size: 3600, short: 'h' },
  { limit: Number.POSITIVE_INFINITY, size: 86_400, short: 'd' },
] as const

/** `12 s ago`, `4 min ago`, `in 3 h`, `just now`. Coarse on purpose: the exact time is beside it. */
export function relativeTime(at: number, now: number): string {
  const seconds = Math.round((now - at) / 1000)
  const distance = Math.abs(seconds)
  if (distance < 5) return 'just now'
  const unit = units.find((each) => distance < each.limit) ?? units[3]
  const text = `${Math.floor(distance / unit.size)} ${unit.short}`
  return seconds < 0 ? `in ${text}` : `${text} ago`
}

export type Precision = 'day' | 'minute' | 'second' | 'ms' | 'clock' | 'clock-minute'

const shapes: Record<Precision, Intl.DateTimeFormatOptions> = {
  day: { year: 'numeric', month: 'short', day: '2-digit' },
  minute: { month: 'short', day: '2-digit', hour: '2-digit', minute: '2-digit' },
  second: { month: 'short', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' },
  ms: { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 },
  clock: { hour: '2-digit', minute: '2-digit', second: '2-digit' },
  'clock-minute': { hour: '2-digit', minute: '2-digit' },
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** The time in the zone people chose; the zone is not named here, the tooltip does that. */
export function absoluteTime(
  at: number | string | Date,
  timeZone: string,
  precision: Precision = 'second',
): string {
  const key = `${timeZone} ${precision}`
  let format = formats.get(key)
  if (!format) {
    format = new Intl.DateTimeFormat('en-GB', { ...shapes[precision], hourCycle: 'h23', timeZone })
    formats.set(key, format)
  }
  return format.format(new Date(at))
}
