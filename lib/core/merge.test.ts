import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonEqual, type Json, type JsonObject } from './json.ts'
import {
  clientIsLater,
  formatPath,
  mergeRecords,
  parsePath,
  valueAt,
  withValueAt,
  type FieldRule,
  type Path,
} from './merge.ts'
import type { Tiebreak } from './policy.ts'
import { anyName, anyRecord, leaves, stampAt } from './testing/records.ts'

const askAPerson: FieldRule = { tiebreak: 'manual', shape: 'nested' }
const anyTiebreak = fc.constantFrom<Tiebreak>('manual', 'lww', 'client', 'server')

function merge(
  base: JsonObject | null | undefined,
  client: JsonObject,
  server: JsonObject,
  rule: Partial<FieldRule> = {},
) {
  return mergeRecords({
    base,
    client: { data: client, hlc: stampAt(2), deviceId: 'client' },
    server: { data: server, hlc: stampAt(1), deviceId: 'server' },
    ruleFor: () => ({ ...askAPerson, ...rule }),
  })
}

const nothingGaveWay = { lost: [], clashes: [] }

describe('laws of the three-way merge', () => {
  test('who changed nothing changes nothing', () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, anyTiebreak, (base, edited, tiebreak) => {
        expect(merge(base, edited, base, { tiebreak })).toEqual({ data: edited, ...nothingGaveWay })
        expect(merge(base, base, edited, { tiebreak })).toEqual({ data: edited, ...nothingGaveWay })
      }),
    )
  })

  test('two who made the same of it agree', () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, anyTiebreak, (base, edited, tiebreak) => {
        expect(merge(base, edited, edited, { tiebreak })).toEqual({ data: edited, ...nothingGaveWay })
      }),
    )
  })

  test('what one side alone changed is in the result, whatever settles the rest', () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, anyRecord, anyTiebreak, (base, client, server, tiebreak) => {
        const merged = merge(base, client, server, { tiebreak })
        const names = [...new Set([base, client, server].flatMap(Object.keys))]
        const at = (side: JsonObject, name: string) => valueAt(side, [name])
        const isLost = (side: JsonObject, other: JsonObject) => (name: string) =>
          jsonEqual(at(other, name), at(base, name)) && !jsonEqual(at(merged.data, name), at(side, name))
        expect(names.filter(isLost(client, server))).toEqual([])
        expect(names.filter(isLost(server, client))).toEqual([])
      }),
    )
  })

  test('a place clashes exactly where both changed it, differently', () => {
    const flat = fc.dictionary(anyName, fc.integer({ min: 0, max: 2 }), { noNullPrototype: true })
    fc.assert(
      fc.property(flat, flat, flat, (base, client, server) => {
        const expected = [...new Set([client, server, base].flatMap(Object.keys))].filter(
          (name) =>
            client[name] !== server[name] && client[name] !== base[name] && server[name] !== base[name],
        )
        expect(new Set(merge(base, client, server).clashes.map((path) => parsePath(path)[0]))).toEqual(
          new Set(expected),
        )
      }),
    )
  })

  test('apart from the tiebreak it does not matter who is the client', () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, anyRecord, (base, left, right) => {
        const one = merge(base, left, right)
        const other = merge(base, right, left)
        expect(new Set(one.clashes)).toEqual(new Set(other.clashes))
        const settled = (data: JsonObject) =>
          one.clashes.map(parsePath).reduce((rest, path) => withValueAt(rest, path, undefined), data)
        expect(settled(one.data)).toEqual(settled(other.data))
      }),
    )
  })

  test('`client` one way round is `server` the other way round', () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, anyRecord, (base, left, right) => {
        expect(merge(base, left, right, { tiebreak: 'client' }).data).toEqual(
          merge(base, right, left, { tiebreak: 'server' }).data,
        )
      }),
    )
  })

  test('merging the result again changes nothing', () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, anyRecord, anyTiebreak, (base, client, server, tiebreak) => {
        const { data } = merge(base, client, server, { tiebreak })
        expect(merge(server, data, data, { tiebreak }).data).toEqual(data)
        expect(merge(server, data, server, { tiebreak }).data).toEqual(data)
      }),
    )
  })
})

describe('what gives way', () => {
  const base = { phone: 1, address: { street: 'A', city: 'X' } }
  const client = { phone: 2, address: { street: 'B', city: 'X' } }
  const server = { phone: 3, address: { street: 'A', city: 'Y' } }
  const clientsPhone = { path: 'phone', value: 2, from: 'client', hlc: stampAt(2) }
  const serversPhone = { path: 'phone', value: 3, from: 'server', hlc: stampAt(1) }

  test.each([
    ['manual', 3, [], ['phone']],
    ['client', 2, [serversPhone], []],
    ['server', 3, [clientsPhone], []],
    ['lww', 2, [serversPhone], []],
  ] as const)('tiebreak %s', (tiebreak, phone, lost, clashes) => {
    expect(merge(base, client, server, { tiebreak })).toEqual({
      data: { phone, address: { street: 'B', city: 'Y' } },
      lost,
      clashes,
    })
  })

  test('lww goes by the clock, not by who is the client', () => {
    const merged = mergeRecords({
      base,
      client: { data: client, hlc: stampAt(1), deviceId: 'd' },
      server: { data: server, hlc: stampAt(2), deviceId: 'd' },
      ruleFor: () => ({ tiebreak: 'lww', shape: 'nested' }),
    })
    expect(merged.data['phone']).toBe(3)
  })

  test.each([
    ['removed by the client, edited by the server', {}, { a: 2 }],
    ['edited by the client, removed by the server', { a: 2 }, {}],
    ['an object on one side, a value on the other', { a: { x: 1 } }, { a: 3 }],
    ['two lists', { a: [1] }, { a: [2] }],
  ])('one place, not a merge: %s', (_, ours, theirs) => {
    expect(merge({ a: 1 }, ours, theirs)).toEqual({ data: theirs, lost: [], clashes: ['a'] })
  })

  test('a removal that loses is kept as null', () => {
    expect(merge({ a: 1 }, {}, { a: 2 }, { tiebreak: 'server' }).lost).toEqual([
      { path: 'a', value: null, from: 'client', hlc: stampAt(2) },
    ])
  })

  test('`whole` takes an object as one value', () => {
    expect(merge(base, client, server, { shape: 'whole' }).clashes).toEqual(['phone', 'address'])
  })
})

describe('a base that cannot be read', () => {
  test('counts every difference as made by both: no removal is taken for an addition', () => {
    expect(merge(undefined, { a: 1, b: 1 }, { b: 1, c: 1 }).clashes).toEqual(['c', 'a'])
    expect(merge(null, { a: 1, b: 1 }, { b: 1, c: 1 })).toEqual({
      data: { a: 1, b: 1, c: 1 },
      ...nothingGaveWay,
    })
  })

  test('does not unite sets, which would undo removals', () => {
    expect(merge(undefined, { tags: ['x'] }, { tags: ['y'] }, { shape: 'set' }).clashes).toEqual(['tags'])
  })

  test('still agrees on what is equal', () => {
    fc.assert(
      fc.property(anyRecord, (data) => {
        expect(merge(undefined, data, data)).toEqual({ data, ...nothingGaveWay })
      }),
    )
  })
})

describe('sets', () => {
  const anySet = fc.uniqueArray(fc.constantFrom<Json>(1, 2, 3, { id: 1 }, 'x'), {
    comparator: (a, b) => jsonEqual(a, b),
  })
  const mergeSets = (base: Json[] | undefined, ours: Json[], theirs: Json[]) =>
    valueAt(merge(base ? { tags: base } : {}, { tags: ours }, { tags: theirs }, { shape: 'set' }).data, [
      'tags',
    ]) as Json[]
  const has = (set: readonly Json[], item: Json) => set.some((other) => jsonEqual(other, item))

  test('an element is in if either added it, out if either removed it', () => {
    fc.assert(
      fc.property(anySet, anySet, anySet, (base, ours, theirs) => {
        const merged = mergeSets(base, ours, theirs)
        for (const item of [...base, ...ours, ...theirs]) {
          const stays = has(base, item)
            ? has(ours, item) && has(theirs, item)
            : has(ours, item) || has(theirs, item)
          expect(has(merged, item)).toBe(stays)
        }
      }),
    )
  })

  test('no element comes twice, and nothing clashes', () => {
    fc.assert(
      fc.property(fc.option(anySet, { nil: undefined }), anySet, anySet, (base, ours, theirs) => {
        const merged = mergeSets(base, ours, theirs)
        expect(merged.every((item, at) => !has(merged.slice(0, at), item))).toBe(true)
      }),
    )
  })

  test('the order is the server’s, with the client’s additions behind', () => {
    expect(mergeSets([1, 2], [4, 1, 2], [2, 1, 3])).toEqual([2, 1, 3, 4])
  })

  test('that are no lists on both sides are one value', () => {
    expect(merge({ tags: [1] }, { tags: 'x' }, { tags: [2] }, { shape: 'set' }).clashes).toEqual(['tags'])
  })
})

test('`places` merges these alone and leaves the rest as the server has it', () => {
  const merged = mergeRecords({
    base: { a: { x: 1, y: 1 }, b: 1 },
    client: { data: { a: { x: 2, y: 2 }, b: 2 }, hlc: stampAt(2), deviceId: null },
    server: { data: { a: { x: 1, y: 1 }, b: 3 }, hlc: stampAt(1), deviceId: null },
    ruleFor: () => askAPerson,
    places: [['a', 'x'], ['nowhere']],
  })
  expect(merged).toEqual({ data: { a: { x: 2, y: 1 }, b: 3 }, ...nothingGaveWay })
})

describe('who is later', () => {
  const anySide = fc.record({
    hlc: fc.nat(2).map((millis) => stampAt(millis)),
    deviceId: fc.constantFrom(null, 'a', 'b'),
  })

  test('is a strict total order of stamps and devices', () => {
    fc.assert(
      fc.property(anySide, anySide, anySide, (a, b, c) => {
        expect(clientIsLater(a, a)).toBe(false)
        expect(Number(clientIsLater(a, b)) + Number(clientIsLater(b, a))).toBe(jsonEqual(a, b) ? 0 : 1)
        expect(!(clientIsLater(a, b) && clientIsLater(b, c)) || clientIsLater(a, c)).toBe(true)
      }),
    )
  })

  test('the higher device id breaks a tie of stamps, and only that', () => {
    expect(clientIsLater({ hlc: stampAt(1), deviceId: 'b' }, { hlc: stampAt(1), deviceId: 'a' })).toBe(true)
    expect(clientIsLater({ hlc: stampAt(1), deviceId: 'b' }, { hlc: stampAt(2), deviceId: 'a' })).toBe(false)
  })
})

describe('paths', () => {
  test.each([
    [['a', 'b'], 'a.b'],
    [['a.b'], 'a\\.b'],
    [['a\\', 'b'], 'a\\\\.b'],
    [['a\\.b'], 'a\\\\\\.b'],
  ])('%j is written %s', (path, text) => {
    expect(formatPath(path)).toBe(text)
    expect(parsePath(text)).toEqual(path)
  })

  test('any path of names can be written and read back', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 })), (path) => {
        expect(parsePath(formatPath(path))).toEqual(path)
      }),
    )
  })

  test('what was put at a path is there, and nothing else moved', () => {
    fc.assert(
      fc.property(anyRecord, fc.array(anyName, { minLength: 1, maxLength: 3 }), (data, path) => {
        const changed = withValueAt(data, path, 'new')
        expect(valueAt(changed, path)).toBe('new')
        const liesApart = (leaf: Path) => leaf.some((name, at) => at < path.length && name !== path[at])
        for (const leaf of leaves(data).filter(liesApart)) {
          expect(valueAt(changed, leaf)).toEqual(valueAt(data, leaf))
        }
      }),
    )
  })

  test('removing takes away what is there and makes nothing on its way', () => {
    expect(withValueAt({ a: { b: 1, c: 2 } }, ['a', 'b'], undefined)).toEqual({ a: { c: 2 } })
    fc.assert(
      fc.property(anyRecord, fc.array(anyName, { minLength: 1, maxLength: 3 }), (data, path) => {
        const removed = withValueAt(data, path, undefined)
        expect(valueAt(removed, path)).toBeUndefined()
        const wasThere = valueAt(data, path) !== undefined
        expect(jsonEqual(removed, data)).toBe(!wasThere)
      }),
    )
  })
})

test('a field whose name is empty is told from the whole record', () => {
  expect(formatPath([''])).toBe('\\e')
  expect(formatPath(['a', '', 'e'])).toBe('a.\\e.e')
  for (const path of [[''], ['', ''], ['e'], ['\\e'], ['a', '', 'b.c']]) {
    expect(parsePath(formatPath(path))).toEqual(path)
  }
  expect(formatPath([])).toBe('')
})
