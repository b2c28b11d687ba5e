import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareHlc, formatHlc, hlcNode, parseHlc, receiveHlc, stampAfter, tickHlc, type Hlc } from './hlc.ts'

const anyNode = fc.constantFrom('0000000000000001', '9f2c01aa77e04b11', 'ffffffffffffffff')
/** Milliseconds and counters close together and at the ends, so that ties and overflows happen. */
const anyMillis = fc.oneof(fc.nat(5), fc.integer({ min: 2 ** 41, max: 2 ** 41 + 3 }))
const anyCounter = fc.oneof(fc.nat(3), fc.constantFrom(0xfffe, 0xffff))
const anyHlc: fc.Arbitrary<Hlc> = fc.record({ millis: anyMillis, counter: anyCounter, node: anyNode })
const isAfter = (a: Hlc, b: Hlc) => compareHlc(formatHlc(a), formatHlc(b)) > 0

const clock: Hlc = { millis: 1000, counter: 5, node: '00000000000000aa' }
const remote = (millis: number, counter: number): Hlc => ({ millis, counter, node: '00000000000000bb' })

describe('as text', () => {
  test('is what the protocol shows', () => {
    const text = '0193f3a2b4c0-0003-9f2c01aa77e04b11'
    expect(parseHlc(text)).toEqual({ millis: 0x0193f3a2b4c0, counter: 3, node: '9f2c01aa77e04b11' })
    expect(formatHlc(parseHlc(text)!)).toBe(text)
  })

  test('any clock can be written and read back', () => {
    fc.assert(
      fc.property(anyHlc, (hlc) => {
        expect(parseHlc(formatHlc(hlc))).toEqual(hlc)
      }),
    )
  })

  test('sorts as the clocks do: milliseconds, then counter, then node', () => {
    fc.assert(
      fc.property(anyHlc, anyHlc, (a, b) => {
        const byFields =
          a.millis - b.millis || a.counter - b.counter || (a.node < b.node ? -1 : a.node > b.node ? 1 : 0)
        expect(compareHlc(formatHlc(a), formatHlc(b))).toBe(Math.sign(byFields))
      }),
    )
  })

  test.each([
    '',
    '0193f3a2b4c0-0003',
    '0193F3A2B4C0-0003-9f2c01aa77e04b11',
    '193f3a2b4c0-0003-9f2c01aa77e04b11',
    '0193f3a2b4c0-00003-9f2c01aa77e04b11',
    ' 0193f3a2b4c0-0003-9f2c01aa77e04b11',
    '0193f3a2b4c0-0003-9f2c01aa77e04b11\n',
  ])('%j is none', (text) => {
    expect(parseHlc(text)).toBeNull()
  })
})

describe('an event here', () => {
  test('takes the wall clock where that is ahead, else counts', () => {
    expect(tickHlc(clock, 2000)).toEqual({ ...clock, millis: 2000, counter: 0 })
    expect(tickHlc(clock, 1000)).toEqual({ ...clock, counter: 6 })
    expect(tickHlc(clock, 10)).toEqual({ ...clock, counter: 6 })
  })

  test('is after everything before it, whatever the wall clock does', () => {
    fc.assert(
      fc.property(anyHlc, anyMillis, (hlc, now) => {
        const next = tickHlc(hlc, now)
        expect(isAfter(next, hlc)).toBe(true)
        expect(next.millis).toBeGreaterThanOrEqual(now)
        expect(parseHlc(formatHlc(next))).toEqual(next)
      }),
    )
  })

  test('a full counter carries into the milliseconds', () => {
    expect(tickHlc({ ...clock, counter: 0xffff }, 0)).toEqual({ ...clock, millis: 1001, counter: 0 })
  })
})

describe('a message that arrives', () => {
  test.each([
    ['the wall clock is ahead of both', remote(1500, 9), 2000, { millis: 2000, counter: 0 }],
    ['this clock is ahead', remote(900, 9), 900, { millis: 1000, counter: 6 }],
    ['the remote is ahead', remote(1500, 9), 900, { millis: 1500, counter: 10 }],
    ['both at once, the remote counted further', remote(1000, 9), 900, { millis: 1000, counter: 10 }],
    ['both at once, this one counted further', remote(1000, 2), 900, { millis: 1000, counter: 6 }],
    ['the remote’s counter is full', remote(1500, 0xffff), 900, { millis: 1501, counter: 0 }],
  ])('%s', (_, message, now, expected) => {
    expect(receiveHlc(clock, message, now)).toEqual({ ...expected, node: clock.node })
  })

  test('leaves a clock after both, of this node, and never behind the wall clock', () => {
    fc.assert(
      fc.property(anyHlc, anyHlc, anyMillis, (own, message, now) => {
        const next = receiveHlc(own, message, now)
        expect(isAfter(next, own)).toBe(true)
        expect(isAfter({ ...next, node: message.node }, message)).toBe(true)
        expect(next.millis).toBeGreaterThanOrEqual(now)
        expect(next.node).toBe(own.node)
      }),
    )
  })

  test('cause comes before effect along any chain of messages between nodes', () => {
    const anyStep = fc.record({ to: fc.nat(2), now: anyMillis, local: fc.boolean() })
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 40 }), (steps) => {
        const clocks = ['1', '2', '3'].map((node): Hlc => ({ millis: 0, counter: 0, node: node.repeat(16) }))
        let message: Hlc = clocks[0]!
        for (const { to, now, local } of steps) {
          const next = local ? tickHlc(clocks[to]!, now) : receiveHlc(clocks[to]!, message, now)
          expect(isAfter(next, clocks[to]!)).toBe(true)
          expect(local || isAfter(next, message)).toBe(true)
          clocks[to] = next
          message = next
        }
      }),
    )
  })
})

describe('a write that follows another', () => {
  test('keeps its stamp where that is later', () => {
    expect(stampAfter(formatHlc(remote(2000, 0)), formatHlc(clock))).toBe(formatHlc(remote(2000, 0)))
  })

  test('is moved just after where a slow clock put it behind, and stays its device’s', () => {
    const moved = stampAfter(formatHlc(remote(10, 9)), formatHlc(clock))
    expect(parseHlc(moved)).toEqual(remote(1000, 6))
  })

  test('is always after', () => {
    fc.assert(
      fc.property(anyHlc, anyHlc, (own, before) => {
        expect(compareHlc(stampAfter(formatHlc(own), formatHlc(before)), formatHlc(before))).toBe(1)
      }),
    )
  })
})

test('a node is named by the first 64 bits of its id', () => {
  expect(hlcNode('0193f3a2-b4c0-7003-9f2c-01aa77e04b11')).toBe('0193f3a2b4c07003')
})
