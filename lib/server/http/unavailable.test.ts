import { expect, test } from 'vitest'
import { outageOf, type Outage } from './unavailable.ts'

test.each<[string, unknown, Outage | null]>([
  ['a refused connection', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 'away'],
  ['a server that is stopping', Object.assign(new Error('bye'), { code: '57P01' }), 'away'],
  ['a server that hangs', new Error('Query read timeout'), 'away'],
  ['a connection that takes too long', new Error('Connection terminated due to connection timeout'), 'away'],
  ['a full pool', new Error('timeout exceeded when trying to connect'), 'busy'],
  ['a full pool under a transaction', Object.assign(new Error('no'), { code: 'P2028' }), 'busy'],
  ['a full server', Object.assign(new Error('sorry'), { code: '53300' }), 'busy'],
  ['a statement over its time', Object.assign(new Error('canceling'), { code: '57014' }), 'busy'],
  [
    'a refused one, deep in a Prisma error',
    { meta: { driverAdapterError: { cause: { kind: 'DatabaseNotReachable' } } } },
    'away',
  ],
  [
    'a full pool, deep in a Prisma error',
    { cause: { meta: { driverAdapterError: new Error('timeout exceeded when trying to connect') } } },
    'busy',
  ],
  ['a statement that is wrong', Object.assign(new Error('syntax'), { code: '42601' }), null],
  ['a bug', new TypeError('x is not a function'), null],
  ['nothing', undefined, null],
])('%s', (_name, error, outage) => {
  expect(outageOf(error)).toBe(outage)
})
