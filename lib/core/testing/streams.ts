import { formatHlc } from '../hlc.ts'
import {
  placeInStream,
  type Answered,
  type Arrival,
  type Forgotten,
  type Place,
  type Stream,
} from '../stream.ts'

// An operation is written `A1`: op_id A, seq 1. `?` is what cannot be read, `A1'` has other content, `A1~` was damaged on its way.
// `A1@20` was made in hour 20 by the device's clock, any other in hour 100.
function arrivals(batch: string): Arrival[] {
  return batch
    .split(' ')
    .filter(Boolean)
    .map((text, index) => {
      const [, opId, seq, other, hour] = /^(\w|\?)(\d+|\?)(['~]?)(?:@(\d+))?$/.exec(text)!
      return {
        index,
        opId: opId === '?' ? null : opId!,
        seq: seq === '?' ? null : Number(seq),
        hash: `${opId}${other}`,
        hlc: stamp(Number(hour ?? 100)),
        damaged: other === '~',
      }
    })
}

export const hours = 3_600_000
export const stamp = (hour: number) => formatHlc({ millis: hour * hours, counter: 0, node: '0'.repeat(16) })

/** What the server has: `answered` by this device, or by another where it is lower case; `holes` as `A1`. */
export function server(lastSeq: number, answered = '', holes = '', forgotten: Forgotten[] = []) {
  const stream: Stream = {
    lastSeq,
    holes: new Map(arrivals(holes).map(({ seq, opId }) => [seq!, { opId }])),
    forgotten,
  }
  const known = arrivals(answered.replaceAll(/(\w'?) ?/g, (_, op: string) => `${op[0]}1${op.slice(1)} `))
  const operations = new Map<string, Answered>(
    known.map(({ opId, hash }) => [opId!, { opId: opId!, hash, ownDevice: opId === opId!.toUpperCase() }]),
  )
  return (batch: string) => placeInStream(stream, operations, arrivals(batch))
}

/** `fresh 1`, `retry 3`, `replay A`, `repeat #0`, `refused` or, where it takes a seq, `refused 4`. */
function word(place: Place): string {
  switch (place.kind) {
    case 'fresh':
    case 'retry':
      return `${place.kind} ${place.seq}`
    case 'replay':
      return `replay ${place.opId}`
    case 'repeat':
      return `repeat #${place.of}`
    case 'damaged':
      return place.seq === null ? 'damaged' : `damaged ${place.seq}`
    case 'misplaced':
      return place.seq === null ? 'refused' : `refused ${place.seq}`
    case 'forgotten':
      return `forgotten ${place.seq}`
  }
}

export function words(placement: ReturnType<typeof placeInStream>): string[] | string {
  switch (placement.kind) {
    case 'placed':
      return [...placement.places].toSorted(([a], [b]) => a - b).map(([, place]) => word(place))
    case 'forked':
      return `forked after ${placement.acknowledgedSeq}`
    case 'gap':
      return `gap before ${placement.expectedSeq}`
  }
}
