import { formatMs, formatSeconds, plural } from '#components/ui/quantity.ts'
import type { DeviceItem } from '#lib/protocol/devices.ts'

type Reason = DeviceItem['reasons'][number]

/** A cause of a device's state in a few words, with the figure that made it one. */
export function reasonWords(reason: Reason, device: DeviceItem): string {
  switch (reason.code) {
    case 'lag':
      return `no sync for ${formatSeconds(device.lag_seconds)}`
    case 'never_synced':
      return 'never synced'
    case 'failed':
      return 'gave up syncing'
    case 'revoked_but_talking':
      return 'revoked, but still calling'
    case 'pending':
      return `${plural(device.pending, 'change')} waiting`
    case 'breaker':
      return `circuit breaker ${device.breaker.replace('_', ' ')}`
    case 'clock_skew':
      return `clock ${skewWords(device.clock_skew_ms)}`
    case 'old_conflict':
      return 'a conflict waits for over a day'
  }
}

/** Under a second is a matter of the network, not of the clock. */
export function isSkewed(skewMs: number): boolean {
  return Math.abs(skewMs) >= 1_000
}

/** A device's clock against the server's. */
export function skewWords(skewMs: number): string {
  if (!isSkewed(skewMs)) return 'exact'
  return `${formatMs(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead' : 'behind'}`
}
