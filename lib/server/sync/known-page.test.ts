import { expect, test } from 'vitest'
import type { FeedChangeRow, Loaded } from './store.ts'
import { knownPage } from './known-page.ts'
import type { SyncToken } from './token.ts'

const token: SyncToken = {
  ...{ epoch: 'e', positions: new Map([['a', 7]]), chains: new Map(), leaving: new Map(), issuedAt: 0 },
}
const at = (scope: string, seq: number, head: number) => ({ scope, seq, head, min_seq: 0, chain: 'c' })
const loaded = (...standing: Loaded['standing'] & object) => ({ standing }) as Loaded
const head = (seq: number) => ({ seq, chain: 'd' })
const change = (effect: FeedChangeRow['effect'], outcome: string) => ({ effect, outcome }) as FeedChangeRow
const applied = { changes: [change('UPSERT', 'applied'), change('NONE', 'superseded')] }

test('nobody else wrote: the page holds nothing, and reaches to the batch itself', () => {
  const heads = { a: head(8) }
  expect(knownPage(token, loaded(at('a', 7, 7)), heads, applied)).toEqual({
    ...{ standing: [at('a', 7, 7)], positions: heads, changes: [], delivered: 0, has_more: false },
  })
})

test('nothing was written: the page is empty where the device stands at the head', () => {
  expect(knownPage(token, loaded(at('a', 7, 7)), {}, { changes: [] })?.positions).toEqual({})
})

test.each([
  ['somebody wrote before the push', loaded(at('a', 7, 8)), { a: head(9) }, applied],
  ['somebody wrote between reading and committing', loaded(at('a', 7, 7)), { a: head(9) }, applied],
  ['another scope has news', loaded(at('a', 7, 7), at('b', 2, 3)), { a: head(8) }, applied],
  ['nothing was written, and there is news', loaded(at('a', 7, 8)), {}, { changes: [] }],
  [
    'what was written is not what was sent',
    loaded(at('a', 7, 7)),
    { a: head(8) },
    { changes: [change('UPSERT', 'merged')] },
  ],
])('%s: only the feed can tell', (_, state, heads, decided) => {
  expect(knownPage(token, state, heads, decided)).toBeNull()
})

test.each([null, 'foreign' as const])('a token that is %s tells nothing', (none) => {
  expect(knownPage(none, loaded(at('a', 7, 7)), { a: head(8) }, applied)).toBeNull()
})
