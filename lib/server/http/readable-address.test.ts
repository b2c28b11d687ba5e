import { expect, test } from 'vitest'
import { readableAddress } from './readable-address.ts'

test.each([
  ['/api/v1/tables/brands%2Famenity%2Fcafe', '/api/v1/tables/brands%2Famenity%2Fcafe'],
  ['/sync?x=%ff', '/sync?x=%ff'],
  ['/api/v1/%ff', '/api/v1/%25ff'],
  ['/tables/a%00', '/tables/a%2500'],
  ['/a%2Fb/%zz?q=%ff', '/a%252Fb/%25zz?q=%ff'],
  ['/%', '/%25'],
  ['http://holdfast.test/sync?x=1', '/sync?x=1'],
  ['http://holdfast.test', '/'],
  ['http://holdfast.test/%ff', '/%25ff'],
  ['http://[/', '/http%3A%2F%2F%5B%2F'],
  ['mailto:x', '/mailto%3Ax'],
  ['*', '/*'],
])('%s is read as %s', (url, readable) => {
  expect(readableAddress(url)).toBe(readable)
  expect(() => decodeURIComponent(readable.split('?')[0]!)).not.toThrow()
})
