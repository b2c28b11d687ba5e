import { formatHlc, hlcNode, parseHlc, receiveHlc, tickHlc, type Hlc } from '#lib/core/hlc.ts'
import type { Clock } from './ports.ts'
import type { MetaDocuments } from './stored.ts'
import type { Unit } from './unit.ts'

/**
 * A stamp this far ahead of the corrected clock was made before the correction. Well under the
 * server's bound of five minutes, well over what a burst of edits can run the counter ahead.
 */
const AHEAD_MS = 60_000

type ClockDocument = MetaDocuments['clock']

/** The device's hybrid logical clock, inside one unit of work. */
export interface Stamps {
  /** A stamp for something that happens now. */
  next(): string
  /** Takes note of a stamp that came from the server. */
  observe(hlc: string): void
  /** The server refused this device's clock: count from the server's time from now on. */
  correct(serverTimeMs: number): void
  /** True for a stamp the server would refuse, because it was made before `correct`. */
  isAhead(hlc: string): boolean
  /** Writes the clock into the unit. */
  save(): void
}

export async function openStamps(unit: Unit, clock: Clock, deviceId: string): Promise<Stamps> {
  const node = hlcNode(deviceId)
  const stored: ClockDocument = await unit.meta('clock', { hlc: '', offsetMs: 0 })
  let offsetMs = stored.offsetMs
  let hlc: Hlc = { ...(parseHlc(stored.hlc) ?? { millis: 0, counter: 0 }), node }
  const nowMs = () => Math.max(0, clock.nowMs() + offsetMs)
  return {
    next() {
      hlc = tickHlc(hlc, nowMs())
      return formatHlc(hlc)
    },
    observe(text) {
      const remote = parseHlc(text)
      if (remote) hlc = receiveHlc(hlc, remote, nowMs())
    },
    correct(serverTimeMs) {
      offsetMs = serverTimeMs - clock.nowMs()
      // The clock had run ahead with the wrong time; keeping it would have every stamp refused.
      hlc = { millis: 0, counter: 0, node }
    },
    isAhead(text) {
      const stamp = parseHlc(text)
      return stamp !== null && stamp.millis > nowMs() + AHEAD_MS
    },
    save() {
      unit.putMeta('clock', { hlc: formatHlc(hlc), offsetMs })
    },
  }
}
