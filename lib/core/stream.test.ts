import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { placeInStream, type Answered, type Arrival, type Forgotten, type Place } from './stream.ts'
import { hours, server, stamp, words } from './testing/streams.ts'

describe('a batch as the protocol has it', () => {
  test.each([
    ['new operations go on at the end', server(2), 'C3 D4', ['fresh 3', 'fresh 4']],
    ['an empty one changes nothing', server(2), '', []],
    ['a hole is closed, then new ones', server(4, 'ACD', 'B2'), 'B2 E5', ['retry 2', 'fresh 5']],
    ['a repaired hole may have other content', server(2, 'A', 'B2'), "B2'", ['retry 2']],
    ['a hole whose op_id could not be read takes any', server(2, 'A', '?2'), 'X2', ['retry 2']],
    ['what was answered gets its answer', server(2, 'AB'), 'A1 B2', ['replay A', 'replay B']],
    ['an overlap is answered and goes on', server(2, 'AB'), 'B2 C3', ['replay B', 'fresh 3']],
    [
      'an answered one that was damaged on its way has to come whole, to be told from another',
      server(2, 'AB'),
      'A1~ B2',
      ['damaged', 'replay B'],
    ],
    ['a hole may be damaged again', server(2, 'A', 'B2'), 'B2~', ['retry 2']],
    ['out of order it is put in order', server(0), 'C3 A1 B2', ['fresh 3', 'fresh 1', 'fresh 2']],
    [
      'a new incarnation sends what its older self had answered',
      server(0, 'AB'),
      'A1 B2 C3',
      ['replay A', 'replay B', 'fresh 3'],
    ],
  ])('%s', (_, on, batch, expected) => {
    expect(words(on(batch))).toEqual(expected)
  })
})

describe('refused as a whole', () => {
  test.each([
    ['another operation at an answered seq', server(2, 'AB'), 'X2', 'forked after 2'],
    ['an answered operation with other content', server(2, 'AB'), "B2'", 'forked after 2'],
    ['another operation at a hole that has an owner', server(2, 'A', 'B2'), 'X2', 'forked after 2'],
    ['the divergent one stands behind known ones', server(2, 'AB'), 'A1 X2 C3', 'forked after 2'],
    ['something is missing at the front', server(2, 'AB'), 'D4', 'gap before 3'],
    ['something is missing in the middle', server(2, 'AB'), 'C3 E5', 'gap before 4'],
    ['something is missing behind a hole', server(2, 'A', 'B2'), 'B2 D4', 'gap before 3'],
    ['something is missing before one without an op_id', server(2, 'AB'), '?4', 'gap before 3'],
  ])('%s', (_, on, batch, expected) => {
    expect(words(on(batch))).toBe(expected)
  })
})

describe('answers that are kept no more', () => {
  // Answered by hour 50; the last operation of that life was made in hour 80.
  const before: Forgotten = { untilMs: 50 * hours, lastHlc: stamp(80) }
  test.each([
    ['one that is still known gets its answer', server(4, 'BCD'), 'B2@20', ['replay B']],
    ['an open hole is closed, however old', server(4, 'CD', 'A1'), 'A1@20', ['retry 1']],
    ['an old one that was never sent is taken', server(4, 'CD'), 'E5@20', ['fresh 5']],
    [
      'an earlier life may have had it answered: it takes its seq',
      server(0, '', '', [before]),
      'A1@20 B2@90',
      ['forgotten 1', 'fresh 2'],
    ],
    ['a clock may have been ahead', server(0, '', '', [before]), 'A1@50', ['forgotten 1']],
    [
      'what that life did not see is new, however slow the clock',
      server(0, '', '', [{ ...before, lastHlc: stamp(10) }]),
      'A1@20',
      ['fresh 1'],
    ],
    ['what was made after the forgotten ones is new', server(0, '', '', [before]), 'A1@60', ['fresh 1']],
  ])('%s', (_, on, batch, expected) => {
    expect(words(on(batch))).toEqual(expected)
  })

  test('one that was stamped anew is as old as its id', () => {
    const place = (madeHour: number) => {
      const made = (madeHour * hours).toString(16).padStart(12, '0')
      const opId = `${made.slice(0, 8)}-${made.slice(8)}-7000-8000-000000000000`
      const arrival: Arrival = { index: 0, seq: 1, opId, hash: 'h', hlc: stamp(90), damaged: false }
      const stream = { lastSeq: 0, holes: new Map(), forgotten: [before] }
      const placed = placeInStream(stream, new Map(), [arrival])
      return placed.kind === 'placed' ? placed.places.get(0)?.kind : placed.kind
    }
    expect([20, 50, 51, 90].map(place)).toEqual(['forgotten', 'forgotten', 'fresh', 'fresh'])
  })

  test('at their seqs nobody can tell a clone’s from what was answered: it goes on in a new life, whatever is behind it', () => {
    for (const batch of ['X2@20', 'X2@60', 'X3@20', 'B2@20 C3 E5', 'B2@20 E5@20'])
      expect(words(server(4, 'CD')(batch))).toBe('forked after 4')
  })
})

describe('one alone is refused, and holds nothing back', () => {
  test.each([
    [
      'no seq: takes the one that is missing there',
      server(0),
      'A1 B? C3',
      ['fresh 1', 'refused 2', 'fresh 3'],
    ],
    ['no seq at the front', server(0), 'A? B2', ['refused 1', 'fresh 2']],
    ['no seq at the end', server(0), 'A1 B?', ['fresh 1', 'refused 2']],
    ['no seq, none missing', server(0), 'A1 B? C2', ['fresh 1', 'refused', 'fresh 2']],
    [
      'two without seq, two missing',
      server(0),
      'A1 B? C? D4',
      ['fresh 1', 'refused 2', 'refused 3', 'fresh 4'],
    ],
    [
      'two without seq, one missing',
      server(0),
      'A1 B? C? D3',
      ['fresh 1', 'refused 2', 'refused', 'fresh 3'],
    ],
    ['no op_id: its seq stays open', server(0), 'A1 ?2 C3', ['fresh 1', 'refused 2', 'fresh 3']],
    ['no op_id at a seq that is past', server(2, 'AB'), '?2 C3', ['refused', 'fresh 3']],
    ['neither', server(0), '?? B2', ['refused 1', 'fresh 2']],
    ['an op_id of another device', server(1, 'Ax'), 'x2 C3', ['refused 2', 'fresh 3']],
    [
      'a new incarnation sends otherwise what was answered',
      server(0, 'A'),
      "A1' B2",
      ['refused 1', 'fresh 2'],
    ],
    ['and again, the answer having been lost', server(2, 'AB', '?1'), "A1' B2", ['refused', 'replay B']],
    ['an op_id twice, with other content', server(0), "A1 A2' C3", ['fresh 1', 'refused 2', 'fresh 3']],
    ['a seq twice', server(0), 'A1 B1 C2', ['fresh 1', 'refused', 'fresh 2']],
  ])('%s', (_, on, batch, expected) => {
    expect(words(on(batch))).toEqual(expected)
  })

  test.each([
    ['the same twice is answered once', 'A1 A1 B2', ['fresh 1', 'repeat #0', 'fresh 2']],
    ['under two seqs, too, and the second counts', 'A1 A2 C3', ['fresh 1', 'repeat #0', 'fresh 3']],
    ['unreadable, too', '?1 ?1', ['refused 1', 'repeat #0']],
  ])('%s', (_, batch, expected) => {
    expect(words(server(0)(batch))).toEqual(expected)
  })
})

// A server that keeps nothing but what placing needs, and answers everything for good but what a device calls broken.
class ModelServer {
  lastSeq = 0
  readonly holes = new Map<number, { opId: string | null }>()
  readonly answered = new Map<string, Answered>()

  take(batch: readonly Arrival[], broken: ReadonlySet<string> = new Set()): Map<number, Place> | string {
    const placement = placeInStream(this, this.answered, batch)
    if (placement.kind !== 'placed') return placement.kind
    this.lastSeq = placement.lastSeq
    for (const index of placement.order) {
      const { opId, hash } = batch[index]!
      const place = placement.places.get(index)!
      if (place.kind === 'misplaced' && place.seq !== null) this.holes.set(place.seq, { opId: null })
      if (place.kind !== 'fresh' && place.kind !== 'retry') continue
      if (broken.has(opId!)) this.holes.set(place.seq, { opId })
      else {
        this.holes.delete(place.seq)
        this.answered.set(opId!, { opId: opId!, hash, ownDevice: true })
      }
    }
    return placement.places
  }
}

const operation = (seq: number): Arrival => ({
  index: 0,
  seq,
  opId: `op-${seq}`,
  hash: `hash-${seq}`,
  hlc: stamp(seq),
  damaged: false,
})
const batchOf = (operations: readonly Arrival[]) =>
  operations.map((arrival, index) => ({ ...arrival, index }))
const kinds = (places: Map<number, Place> | string) =>
  typeof places === 'string' ? places : new Set([...places.values()].map(({ kind }) => kind))

/** The first so many operations of a device, how they are cut into batches, and which are broken at first. */
const anyStream = fc.record({
  count: fc.integer({ min: 1, max: 12 }),
  cuts: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 12, maxLength: 12 }),
  broken: fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 3 }),
})

function send({ count, cuts, broken }: { count: number; cuts: number[]; broken: number[] }) {
  const server = new ModelServer()
  const operations = Array.from({ length: count }, (_, at) => operation(at + 1))
  const brokenIds = new Set(broken.map((seq) => `op-${seq}`))
  for (let from = 0, cut = 0; from < count; from += cuts[cut++]!) {
    expect(kinds(server.take(batchOf(operations.slice(from, from + cuts[cut]!)), brokenIds))).toEqual(
      new Set(['fresh']),
    )
  }
  return { server, operations, isBroken: (seq: number) => brokenIds.has(`op-${seq}`) }
}

describe('whatever the network does', () => {
  test('what was answered is never taken twice: any part, in any order, any number of times', () => {
    fc.assert(
      fc.property(anyStream, fc.infiniteStream(fc.nat()), (stream, picks) => {
        const { server, operations, isBroken } = send(stream)
        const again = [...picks.take(8)].map((pick) => operations[pick % operations.length]!)
        const places = server.take(batchOf(again))
        if (typeof places === 'string') throw new Error(`refused: ${places}`)
        for (const [index, place] of places) {
          const { seq } = again[index]!
          expect(place.kind).toBe(
            again.slice(0, index).some((other) => other.seq === seq)
              ? 'repeat'
              : isBroken(seq!)
                ? 'retry'
                : 'replay',
          )
        }
        expect(server.lastSeq).toBe(operations.length)
      }),
    )
  })

  test('the order within a batch does not matter', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([1, 2, 3, 4, 5], { minLength: 5 }), (order) => {
        const server = new ModelServer()
        const places = server.take(batchOf(order.map(operation)))
        expect(
          typeof places === 'string' || [...places].map(([index, place]) => [order[index], place]),
        ).toEqual([1, 2, 3, 4, 5].map((seq) => [seq, { kind: 'fresh', seq }]))
      }),
    )
  })

  test('applied seqs have no gap: a batch is taken only where the stream goes on', () => {
    fc.assert(
      fc.property(anyStream, fc.integer({ min: 1, max: 16 }), (stream, seq) => {
        const { server, operations } = send(stream)
        const taken = server.take([operation(seq)])
        expect(taken === 'gap').toBe(seq > operations.length + 1)
      }),
    )
  })

  test('a clone is caught at its first operation that differs, and never before', () => {
    fc.assert(
      fc.property(anyStream, fc.nat(), (stream, pick) => {
        const { server, operations } = send(stream)
        const divergesAt = (pick % operations.length) + 1
        const clone = operations.map((own) =>
          own.seq! < divergesAt ? own : { ...own, opId: `clone-${own.seq}`, hash: `clone-${own.seq}` },
        )
        expect(server.take(batchOf(clone.slice(0, divergesAt - 1)))).not.toBe('forked')
        expect(server.take(batchOf(clone))).toBe('forked')
        expect(server.take([clone[divergesAt - 1]!])).toBe('forked')
      }),
    )
  })

  test('unreadable ones hold nothing back: the others are taken at once, and when sent again get their answers', () => {
    const damage = fc.constantFrom<Partial<Arrival>>(
      {},
      { seq: null },
      { opId: null },
      { seq: null, opId: null },
    )
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 10 }), (damages) => {
        const server = new ModelServer()
        const batch = batchOf(damages.map((how, at) => ({ ...operation(at + 1), ...how })))
        const isReadable = (index: number) => batch[index]!.seq !== null && batch[index]!.opId !== null
        for (const kind of ['fresh', 'replay', 'replay']) {
          const places = server.take(batch)
          if (typeof places === 'string') throw new Error(`refused: ${places}`)
          for (const [index, place] of places) expect(place.kind).toBe(isReadable(index) ? kind : 'misplaced')
        }
        // Repaired, they are taken after all.
        const repaired = batchOf(damages.map((_, at) => operation(at + 1)))
        expect(server.take(repaired)).not.toBeTypeOf('string')
        expect([...server.answered.keys()].length).toBe(damages.length)
      }),
    )
  })
})
