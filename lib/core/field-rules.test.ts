import { expect, test } from 'vitest'
import { fieldRule } from './field-rules.ts'
import { defaultPolicy, type TablePolicy } from './policy.ts'

const policy: TablePolicy = {
  ...defaultPolicy('things'),
  tiebreak: 'client',
  sets: ['tags', 'address.labels', 'address.history.list'],
  fields: {
    name: { strategy: 'lww' },
    address: { tiebreak: 'server' },
    'address.history': { strategy: 'manual' },
    first: { strategy: 'fww' },
    'first.not': { strategy: 'merge', tiebreak: 'lww' },
    'a\\.b': { strategy: 'manual' },
  },
}

test.each([
  [['other'], { shape: 'nested', tiebreak: 'client' }],
  [['name'], { shape: 'whole', tiebreak: 'lww' }],
  [['name', 'within'], { shape: 'whole', tiebreak: 'lww' }],
  [['address'], { shape: 'nested', tiebreak: 'server' }],
  [['address', 'street'], { shape: 'nested', tiebreak: 'server' }],
  [['address', 'history', 'x'], { shape: 'whole', tiebreak: 'manual' }],
  [['first'], { shape: 'whole', tiebreak: 'server' }],
  [['first', 'not'], { shape: 'nested', tiebreak: 'lww' }],
  [['tags'], { shape: 'set', tiebreak: 'client' }],
  [['address', 'labels'], { shape: 'set', tiebreak: 'server' }],
  [['address', 'history', 'list'], { shape: 'whole', tiebreak: 'manual' }],
  [['a.b'], { shape: 'whole', tiebreak: 'manual' }],
  [['a', 'b'], { shape: 'nested', tiebreak: 'client' }],
  [['names'], { shape: 'nested', tiebreak: 'client' }],
  [['toString'], { shape: 'nested', tiebreak: 'client' }],
] as const)('%j → %j', (path, rule) => {
  expect(fieldRule(policy, path)).toEqual(rule)
})
