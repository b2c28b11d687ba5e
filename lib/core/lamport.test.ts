import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lamportClock, maxLamport } from './lamport.ts'

test('what could have caused another has the lower number', () => {
  const event = fc.record({ from: fc.nat(2), to: fc.option(fc.nat(2), { nil: null }) })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const processes = [0, 1, 2].map(() => ({ clock: lamportClock(), last: 0 }))
      for (const { from, to } of events) {
        const sender = processes[from]!
        const sent = sender.clock.tick()
        expect(sent).toBeGreaterThan(sender.last)
        sender.last = sent
        if (to === null || to === from) continue
        const receiver = processes[to]!
        receiver.clock.receive(sent)
        const received = receiver.clock.tick()
        expect(received).toBeGreaterThan(sent)
        expect(received).toBeGreaterThan(receiver.last)
        receiver.last = received
      }
    }),
  )
})

test('a number that no clock reaches does not end the counting', () => {
  const clock = lamportClock()
  clock.receive(Number.MAX_SAFE_INTEGER)
  expect(clock.tick()).toBe(maxLamport + 1)
  expect(clock.tick()).toBe(maxLamport + 2)
})
