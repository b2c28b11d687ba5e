import { maxSkewMs } from './admit.ts'
import { formatHlc, parseHlc } from './hlc.ts'

/** A device's stream as the server knows it: every seq up to `lastSeq` was answered, but for the open holes. */
export type Stream = {
  lastSeq: number
  holes: ReadonlyMap<number, { opId: string | null }>
  /** Earlier lives of the device of which the first answers are kept no more. */
  forgotten?: readonly Forgotten[]
}

/**
 * What is known of operations whose answers are kept no more.
 * By its id, none of them was made after `untilMs`, and by its stamp, but for what a clock may be ahead; and nothing of that
 * life after `lastHlc`, however slow the device's clock. When an operation was made is told by its stamp or, where that may
 * be a later one, by its id.
 */
export type Forgotten = { untilMs: number; lastHlc: string }

/**
 * An operation as it arrives. `seq` and `opId` are null where they could not be read; what is damaged says nothing about
 * what was sent.
 */
export type Arrival = {
  index: number
  seq: number | null
  opId: string | null
  hash: string
  /** null where it could not be read. */
  hlc: string | null
  damaged: boolean
}

/** An operation that was answered for good before. */
export type Answered = { opId: string; hash: string; ownDevice: boolean }

export type Place =
  /** Answered before: gets its first answer again. */
  | { kind: 'replay'; opId: string }
  /** New at the end of the stream. */
  | { kind: 'fresh'; seq: number }
  /** Repaired: closes a hole, or fails again. */
  | { kind: 'retry'; seq: number }
  /** May have been answered long ago, and nobody knows how: never to be taken again. */
  | { kind: 'forgotten'; seq: number }
  /** The same operation a second time in one batch. */
  | { kind: 'repeat'; of: number }
  /** Was answered, or something else under its op_id was: only whole can it be told. `seq`: the new one it takes. */
  | { kind: 'damaged'; seq: number | null }
  /** Cannot be answered under its own name: refused alone. It leaves a hole at the `seq` it takes. */
  /** `isTaken`: its op_id is another operation's; sent under an id of its own, it is taken. */
  | { kind: 'misplaced'; seq: number | null; detail: string; isTaken?: true }

export type Placement =
  | { kind: 'placed'; places: Map<number, Place>; lastSeq: number; order: number[] }
  | { kind: 'forked'; acknowledgedSeq: number }
  | { kind: 'gap'; expectedSeq: number }

/**
 * Where each operation of a batch stands in its device's stream.
 *
 * `forked`: an answered seq comes again, and not with what was answered, so two devices live in one identity; or that
 * answer is kept no more, and nobody can tell. Then what is behind it cannot be told from what was answered either: only in a
 * new life the stamps tell (`forgotten`). `gap`: the operation with `expectedSeq` is missing. An operation without a readable
 * seq takes the one that is missing where it stands, so that it holds back nothing behind it.
 * @returns places by index, and the indexes in the order in which to decide them
 */
export function placeInStream(
  stream: Stream,
  answered: ReadonlyMap<string, Answered>,
  arrivals: readonly Arrival[],
): Placement {
  const places = new Map<number, Place>()
  const seqOwners = new Map<number, Arrival>()
  const opOwners = new Map<string, Arrival>()
  const ordered = inSeqOrder(arrivals)
  let lastSeq = stream.lastSeq

  for (const [position, arrival] of ordered.entries()) {
    const { index, seq, opId, hash, damaged } = arrival
    const misplace = (takes: number | null, detail: string) =>
      places.set(index, { kind: 'misplaced', seq: takes, detail })
    const taken = (takes: number | null, detail: string) =>
      places.set(index, { kind: 'misplaced', seq: takes, detail, isTaken: true })

    if (seq === null) {
      const next = ordered.slice(position + 1).find((other) => other.seq !== null)?.seq ?? null
      const isMissing = next === null || next > lastSeq + 1
      if (isMissing) lastSeq++
      misplace(isMissing ? lastSeq : null, 'The seq could not be read.')
      continue
    }
    if (seq > lastSeq + 1) return { kind: 'gap', expectedSeq: lastSeq + 1 }
    const takes = seq === lastSeq + 1 ? seq : null
    if (takes !== null) lastSeq = takes

    const earlier = seqOwners.get(seq) ?? (opId === null ? undefined : opOwners.get(opId))
    if (earlier) {
      const same = earlier.opId === opId && earlier.hash === hash
      if (same) places.set(index, { kind: 'repeat', of: earlier.index })
      else misplace(takes, `Its seq ${seq} or op_id stands twice in this batch.`)
      continue
    }
    seqOwners.set(seq, arrival)
    if (opId === null) {
      misplace(takes, 'The op_id could not be read.')
      continue
    }
    opOwners.set(opId, arrival)

    const before = answered.get(opId)
    const wasAnswered = seq <= stream.lastSeq && !stream.holes.has(seq)
    if (before?.ownDevice && before.hash === hash) {
      places.set(index, { kind: 'replay', opId })
    } else if (before?.ownDevice && damaged) {
      places.set(index, { kind: 'damaged', seq: takes })
    } else if (before && !before.ownDevice) {
      taken(takes, 'Its op_id was used by another device.')
    } else if (wasAnswered) {
      return { kind: 'forked', acknowledgedSeq: stream.lastSeq }
    } else if (before) {
      // A new incarnation that sends what its older self had sent otherwise: refused alone, or it would fork for ever.
      taken(takes, 'Its op_id was answered with other content.')
    } else if (isForgotten(stream, arrival)) {
      places.set(index, { kind: 'forgotten', seq })
    } else if (takes !== null) {
      places.set(index, { kind: 'fresh', seq })
    } else {
      const owner = stream.holes.get(seq)?.opId ?? null
      if (owner !== null && owner !== opId) return { kind: 'forked', acknowledgedSeq: stream.lastSeq }
      places.set(index, { kind: 'retry', seq })
    }
  }
  return { kind: 'placed', places, lastSeq, order: ordered.map(({ index }) => index) }
}

/** Whether an earlier life of the device may have had this operation answered. */
function isForgotten({ forgotten = [] }: Stream, arrival: Arrival): boolean {
  return arrival.hlc !== null && forgotten.some((life) => isAsOld(arrival, life))
}

/** By its stamp, or by its id: a device whose clock was corrected stamps anew what it made before. */
function isAsOld({ hlc, opId }: Arrival, { untilMs, lastHlc }: Forgotten): boolean {
  const isBefore = (millis: number) => millis <= untilMs + maxSkewMs
  const madeMs = madeAtMs(opId)
  const isMadeBefore = madeMs !== null && madeMs <= (parseHlc(lastHlc)?.millis ?? 0) && isBefore(madeMs)
  return isMadeBefore || (hlc !== null && hlc <= lastHlc && isBefore(parseHlc(hlc)?.millis ?? 0))
}

/** The latest time that operations bear, in their stamps or ids: see `Forgotten`. */
export function lastStampOf(arrivals: readonly Pick<Arrival, 'hlc' | 'opId'>[]): string {
  return arrivals.reduce((latest, { hlc, opId }) => {
    const madeMs = madeAtMs(opId)
    const made = madeMs === null ? '' : formatHlc({ millis: madeMs, counter: 0, node: '0'.repeat(16) })
    return [hlc ?? '', made].reduce((later, stamp) => (stamp > later ? stamp : later), latest)
  }, '')
}

/** When a UUID of version 7 was made, by its maker's clock (RFC 9562, section 5.7); null for any other. */
export function madeAtMs(id: string | null): number | null {
  const hex = /^([0-9a-f]{8})-([0-9a-f]{4})-7/i.exec(id ?? '')
  return hex ? Number.parseInt(hex[1]! + hex[2]!, 16) : null
}

/** By seq; one without a seq stays behind the one it was sent after. */
function inSeqOrder(arrivals: readonly Arrival[]): Arrival[] {
  let previous = 0
  return arrivals
    .map((arrival, position) => ({ arrival, position, key: (previous = arrival.seq ?? previous) }))
    .toSorted((a, b) => a.key - b.key || a.position - b.position)
    .map(({ arrival }) => arrival)
}
