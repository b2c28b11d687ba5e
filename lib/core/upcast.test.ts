import { expect, test } from 'vitest'
import type { UpcastStep } from './policy.ts'
import { upcast } from './upcast.ts'

const upcasts: { [from: string]: UpcastStep[] } = {
  1: [{ rename: { tel: 'contact.phone', none: 'x' } }, { default: { state: 'open', note: null } }],
  2: [{ map: { state: { open: 'active', '2': 'two' } } }, { drop: ['legacy', 'contact.fax'] }],
}
const policy = { schema_version: 3, upcasts }

test('older data goes through every step up to the present version', () => {
  const data = { tel: '112', note: 'kept', legacy: true, contact: { fax: '1' } }
  expect(upcast(data, 1, policy)).toEqual({ note: 'kept', contact: { phone: '112' }, state: 'active' })
  expect(data).toEqual({ tel: '112', note: 'kept', legacy: true, contact: { fax: '1' } })
})

test('data of the present or of a later app is taken as it is', () => {
  expect(upcast({ legacy: 1 }, 3, policy)).toEqual({ legacy: 1 })
  expect(upcast({ legacy: 1 }, 9, policy)).toEqual({ legacy: 1 })
})

test('values that are no text are mapped by their JSON', () => {
  expect(upcast({ state: 2 }, 2, policy)).toEqual({ state: 'two' })
})

test('a version from which no chain leads up is not supported', () => {
  expect(upcast({}, 1, { schema_version: 4, upcasts })).toBeNull()
})
