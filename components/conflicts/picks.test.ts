import { describe, expect, it } from 'vitest'
import { fieldViews, type ThreeStates } from '#lib/core/field-diff.ts'
import { mergePicks, movedPaths } from './picks.ts'

const states: ThreeStates = {
  base: { name: 'Old', phone: '1', address: { street: 'A', city: 'X' }, tags: ['a'], kept: true },
  client: { name: 'Device', phone: '2', address: { street: 'B', city: 'X' }, tags: ['a'], kept: true },
  server: { name: 'Server', phone: '1', address: { street: 'A', city: 'Y' }, tags: ['a', 'b'], kept: true },
}

describe('mergePicks', () => {
  const fields = fieldViews(states)

  it('takes what merges by itself and leaves clashes undecided', () => {
    const merged = mergePicks(fields, {}, states)
    expect(merged.undecided).toEqual(['name'])
    expect(merged.data).toEqual({
      name: 'Server',
      phone: '2',
      address: { street: 'B', city: 'Y' },
      tags: ['a', 'b'],
      kept: true,
    })
  })

  it('follows the picks, also against what would merge by itself', () => {
    const merged = mergePicks(
      fields,
      { name: { from: 'client' }, phone: { from: 'base' }, 'address.city': { from: 'edit', value: 'Z' } },
      states,
    )
    expect(merged).toMatchObject({
      undecided: [],
      choice: 'merged',
      data: { name: 'Device', phone: '1', address: { city: 'Z' } },
    })
  })

  it('removes a field when the side picked does not have it', () => {
    const given = { base: { a: 1 }, client: {}, server: { a: 2 } }
    const merged = mergePicks(fieldViews(given), { a: { from: 'client' } }, given)
    expect(merged).toEqual({ data: {}, undecided: [], choice: 'client' })
  })

  it('can keep a deletion, and can undo one', () => {
    const given = { base: { a: 1 }, client: null, server: { a: 2 } }
    const whole = fieldViews(given)
    expect(mergePicks(whole, { '': { from: 'client' } }, given)).toMatchObject({
      data: null,
      choice: 'client',
    })
    expect(mergePicks(whole, { '': { from: 'server' } }, given)).toMatchObject({
      data: { a: 2 },
      choice: 'server',
    })
  })
})

describe('movedPaths', () => {
  it('names the places where someone else was faster', () => {
    const now = fieldViews({ ...states, server: { ...states.server, phone: '9' } })
    expect([...movedPaths(fieldViews(states), now)]).toEqual(['phone'])
  })
})
