/**
 * Hybrid logical clock: 48-bit milliseconds, 16-bit counter, 64-bit node, as text that sorts in clock order.
 * @see Kulkarni et al., "Logical Physical Clocks and Consistent Snapshots" (2014)
 */
export type Hlc = { millis: number; counter: number; node: string }

const pattern = /^([0-9a-f]{12})-([0-9a-f]{4})-([0-9a-f]{16})$/
const maxCounter = 0xffff

/** @returns the clock, or null where the text is not one */
export function parseHlc(text: string): Hlc | null {
  const match = pattern.exec(text)
  if (!match) return null
  return { millis: parseInt(match[1]!, 16), counter: parseInt(match[2]!, 16), node: match[3]! }
}

/** `0193f3a2b4c0-0003-9f2c01aa77e04b11` */
export function formatHlc({ millis, counter, node }: Hlc): string {
  return `${millis.toString(16).padStart(12, '0')}-${counter.toString(16).padStart(4, '0')}-${node}`
}

/** The clock of an event that happens here: after every event this clock has seen. A fraction of a millisecond is dropped. */
export function tickHlc(clock: Hlc, nowMillis: number): Hlc {
  const millis = Math.floor(nowMillis)
  return millis > clock.millis
    ? { millis, counter: 0, node: clock.node }
    : increment(clock.millis, clock.counter, clock.node)
}

/** The clock after a message stamped `remote` arrives: after both. */
export function receiveHlc(clock: Hlc, remote: Hlc, nowMillis: number): Hlc {
  const millis = Math.max(clock.millis, remote.millis, Math.floor(nowMillis))
  if (millis === clock.millis && millis === remote.millis) {
    return increment(millis, Math.max(clock.counter, remote.counter), clock.node)
  }
  if (millis === clock.millis) return increment(millis, clock.counter, clock.node)
  if (millis === remote.millis) return increment(millis, remote.counter, clock.node)
  return { millis, counter: 0, node: clock.node }
}

/**
 * The stamp of a write that follows another: its own, unless a slow clock put it behind what it was made on. Then it is
 * moved just after, so that the order of stamps never contradicts the order of cause and effect.
 */
export function stampAfter(own: string, before: string): string {
  const [clock, last] = [parseHlc(own), parseHlc(before)]
  if (!clock || !last || own > before) return own
  return formatHlc({ ...tickHlc(last, 0), node: clock.node })
}

/** A full counter carries into the milliseconds: order is kept, time runs ahead by one. */
function increment(millis: number, counter: number, node: string): Hlc {
  return counter < maxCounter
    ? { millis, counter: counter + 1, node }
    : { millis: millis + 1, counter: 0, node }
}

/** Negative, zero or positive, as text order gives it. Total on well-formed clocks. */
export function compareHlc(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The 16 hex digits that name a node: the first 64 bits of its UUID. */
export function hlcNode(uuid: string): string {
  return uuid.replaceAll('-', '').slice(0, 16)
}
