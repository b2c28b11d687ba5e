import { expect, test } from 'vitest'
import { Grants } from './grants.ts'

test('a scope that is taken away counts until it is known to be gone, and for requests that began before', () => {
  const grants = new Grants()
  grants.change('d', ['north', 'south'])(true)
  const before = grants.began('d')
  const done = grants.change('d', ['north'])
  const during = grants.began('d')
  expect([...during.granted].toSorted()).toEqual(['north', 'south'])
  done(true)
  expect([...grants.began('d').granted]).toEqual(['north'])
  expect([...before.granted].toSorted()).toEqual(['north', 'south'])
})

test('a change of which nobody knows whether it was done leaves both possible', () => {
  const grants = new Grants()
  grants.change('d', ['north'])(true)
  grants.change('d', ['south'])(false)
  expect([...grants.began('d').granted].toSorted()).toEqual(['north', 'south'])
})

test('a scope that is given while a request is under way may be told in its answer, until it has ended', () => {
  const grants = new Grants()
  grants.change('d', ['north'])(true)
  const request = grants.began('d')
  const other = grants.began('d')
  other.ended()
  grants.change('d', ['north', 'south'])(true)
  expect([...request.granted].toSorted()).toEqual(['north', 'south'])
  expect([...other.granted]).toEqual(['north'])
})
