import { describe, expect, test } from 'vitest'
import { applyUpdate, Doc, encodeStateAsUpdate, encodeStateVector } from 'yjs'
import { agree, includes, readHistory, type History } from './text-history.ts'

function docOf(client: number, ...from: Doc[]): Doc {
  const doc = new Doc()
  for (const other of from) applyUpdate(doc, encodeStateAsUpdate(other))
  doc.clientID = client
  return doc
}

function historyOf(doc: Doc): History {
  const read = readHistory(encodeStateAsUpdate(doc))
  if ('fault' in read) throw new Error(read.fault)
  return read.history
}

describe('is no whole history', () => {
  test('what goes on from letters that it does not hold', () => {
    const doc = docOf(1)
    doc.getText('text').insert(0, 'abc')
    const seen = encodeStateVector(doc)
    doc.getText('text').insert(3, 'd')
    expect(readHistory(encodeStateAsUpdate(doc, seen))).toEqual({
      fault: 'is only part of a history: send the whole state',
    })
  })

  test('what deletes letters that it does not hold', () => {
    const doc = docOf(1)
    doc.getText('text').insert(0, 'abc')
    const seen = encodeStateVector(doc)
    doc.getText('text').delete(1, 1)
    expect(readHistory(encodeStateAsUpdate(doc, seen))).toEqual({ fault: 'deletes what it does not hold' })
  })
})

test('histories that put one letter at two places do not agree, though they say the same', () => {
  const base = docOf(2)
  base.getText('text').insert(0, 'aa')
  const [before, after] = [docOf(1, base), docOf(1, base)]
  before.getText('text').insert(0, 'a')
  after.getText('text').insert(2, 'a')
  expect(before.getText('text').toJSON()).toBe(after.getText('text').toJSON())
  expect(agree(historyOf(before), historyOf(after))).toBe(false)
  expect(includes(historyOf(after), historyOf(before))).toBe(false)
  expect(includes(historyOf(after), historyOf(base))).toBe(true)
})
