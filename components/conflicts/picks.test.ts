import { describe, expect, it } from 'vitest'
import { fieldViews, type ThreeStates } from '#lib/core/field-views.ts'
import { defaultPolicy, type TablePolicy } from '#lib/core/policy.ts'
import { isPickable, mergePicks, movedPaths } from './picks.ts'

const states: ThreeStates = {
  base: { name: 'Old', phone: '1', address: { street: 'A', city: 'X' }, tags: ['a'], kept: true },
  client: { name: 'Device', phone: '2', address: { street: 'B', city: 'X' }, tags: ['a'], kept: true },
  server: { name: 'Server', phone: '1', address: { street: 'A', city: 'Y' }, tags: ['a', 'b'], kept: true },
}

describe('mergePicks', () => {
  const fields = fieldViews(states, null)

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
    const merged = mergePicks(fieldViews(given, null), { a: { from: 'client' } }, given)
    expect(merged).toEqual({ data: {}, undecided: [], choice: 'client' })
  })

  it('can keep a deletion, and can undo one', () => {
    const given = { base: { a: 1 }, client: null, server: { a: 2 } }
    const whole = fieldViews(given, null)
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

describe('what joins by itself', () => {
  const policy: TablePolicy = {
    ...defaultPolicy('things'),
    fields: { n: { strategy: 'crdt', type: 'g-set' }, note: { strategy: 'ot' } },
  }
  const set = (...items: string[]) => ({ $crdt: 'g-set', items })
  const given = {
    base: { n: set('a'), note: 'a pump' },
    client: { n: set('a', 'b'), note: 'a red pump' },
    server: { n: set('a', 'c'), note: 'a pump leaks' },
  }
  const fields = fieldViews(given, policy)

  it('needs no pick', () => {
    expect(mergePicks(fields, {}, given)).toEqual({
      data: { n: set('a', 'b', 'c'), note: 'a red pump leaks' },
      undecided: [],
      choice: 'merged',
    })
  })

  it('keeps both sides of a CRDT whatever was picked; a text can be picked', () => {
    const all = { n: { from: 'server' }, note: { from: 'server' } } as const
    expect(mergePicks(fields, all, given).data).toEqual({ n: set('a', 'b', 'c'), note: 'a pump leaks' })
    const edited = { note: { from: 'edit', value: 'mine' } } as const
    expect(mergePicks(fields, edited, given).data).toMatchObject({ note: 'mine' })
  })

  it('offers both, merged, for a text alone', () => {
    const clash = fieldViews({ base: { a: 1 }, client: { a: 2 }, server: { a: 3 } }, policy)
    const offered = [...fields, ...clash].filter((field) => isPickable(field, 'merged'))
    expect(offered.map(({ path }) => path)).toEqual(['note'])
    expect(fields.filter((field) => isPickable(field)).map(({ path }) => path)).toEqual(['note'])
  })
})

describe('movedPaths', () => {
  it('names the places where someone else was faster', () => {
    const now = fieldViews({ ...states, server: { ...states.server, phone: '9' } }, null)
    expect([...movedPaths(fieldViews(states, null), now)]).toEqual(['phone'])
  })
})
