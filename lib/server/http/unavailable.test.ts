import { expect, test } from 'vitest'
import { isUnavailable } from './unavailable.ts'

test.each<[string, unknown, boolean]>([
  ['a refused connection', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), true],
  ['a server that is stopping', Object.assign(new Error('bye'), { code: '57P01' }), true],
  ['a server that hangs', new Error('Query read timeout'), true],
  ['a full pool', new Error('timeout exceeded when trying to connect'), true],
  [
    'the same, deep in a Prisma error',
    { meta: { driverAdapterError: { cause: { kind: 'DatabaseNotReachable' } } } },
    true,
  ],
  ['a statement that is wrong', Object.assign(new Error('syntax'), { code: '42601' }), false],
  ['a bug', new TypeError('x is not a function'), false],
  ['nothing', undefined, false],
])('%s', (_name, error, unavailable) => {
  expect(isUnavailable(error)).toBe(unavailable)
})
