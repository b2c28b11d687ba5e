import { expect, test } from 'vitest'
import type { JsonObject } from './json.ts'
import type { UpcastStep } from './policy.ts'
import { knownFields } from './known-fields.ts'
import { upcast as upcastWith, upcastSteps } from './upcast.ts'

const upcasts: { [from: string]: UpcastStep[] } = {
  1: [{ rename: { tel: 'contact.phone', none: 'x' } }, { default: { state: 'open', note: null } }],
  2: [{ map: { state: { open: 'active', '2': 'two' } } }, { drop: ['legacy', 'contact.fax'] }],
}
const policy = { schema_version: 3, upcasts }

/** As a new record: there is nothing it could leave alone. */
function upcast(data: JsonObject, from: number, under: Parameters<typeof upcastSteps>[1]): JsonObject | null {
  const steps = upcastSteps(from, under)
  return steps && upcastWith(data, steps, null, null)
}

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

test('an app that does not know a field leaves it, and a default does not write over it', () => {
  const present = { contact: { phone: '1', city: 'X' }, state: 'active', note: 'theirs' }
  const known = knownFields({ properties: { contact: { properties: { phone: {} } } } })
  const steps = upcastSteps(1, policy)!
  expect(upcastWith({ tel: '2' }, steps, present, known)).toEqual({
    ...present,
    contact: { phone: '2', city: 'X' },
  })
})

test('where nobody knows what it knew, only what was added since is left alone', () => {
  const present = { contact: { phone: '1', city: 'X' }, state: 'closed', note: 'theirs' }
  expect(upcastWith({ tel: '2' }, upcastSteps(1, policy)!, present, null)).toEqual({
    ...{ contact: { phone: '2' }, state: 'closed', note: 'theirs' },
  })
  expect(upcastWith({ tel: '2', note: 'mine' }, upcastSteps(1, policy)!, present, null)).toMatchObject({
    note: 'mine',
  })
})
