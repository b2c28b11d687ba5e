/** Quantities as people read them: at most three digits that matter, and the unit. */

const numbers = new Intl.NumberFormat('en')

export function formatCount(value: number): string {
  return numbers.format(value)
}

/** `0.0213` → `2.1 %`. Small but not zero is never shown as 0. */
export function formatRatio(ratio: number): string {
  const percent = ratio * 100
  if (percent === 0) return '0 %'
  if (percent < 0.1) return '< 0.1 %'
  if (percent < 9.95) return `${trim(percent)} %`
  return `${Math.round(percent)} %`
}

/** Seconds → `840 ms`, `4.2 s`, `42 s`, `4.2 min`, `3 h 5 min`, `2 d 4 h`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 0) return `−${formatSeconds(-seconds)}`
  if (seconds === 0) return '0 s'
  if (seconds < 1) return `${Math.max(1, Math.round(seconds * 1000))} ms`
  if (seconds < 9.95) return `${trim(seconds)} s`
  if (seconds < 59.5) return `${Math.round(seconds)} s`
  if (seconds < 597) return `${trim(seconds / 60)} min`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return pair(hours, 'h', minutes % 60, 'min')
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

export function formatMs(ms: number): string {
  return formatSeconds(ms / 1000)
}

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`
  const units = ['kB', 'MB', 'GB', 'TB'] as const
  let size = bytes / 1000
  let unit = 0
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000
    unit += 1
  }
  return `${size < 10 ? trim(size) : Math.round(size)} ${units[unit] ?? 'TB'}`
}

/** A count with its noun: `1 change`, `12 changes`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

export type Unit = 'count' | 'ratio' | 'seconds' | 'bytes'

export const formatUnit: Record<Unit, (value: number) => string> = {
  count: (value) => formatCount(Math.round(value * 10) / 10),
  ratio: formatRatio,
  seconds: formatSeconds,
  bytes: formatBytes,
}

function trim(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '')
}

function pair(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`
}
