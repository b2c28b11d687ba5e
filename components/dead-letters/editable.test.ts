import { describe, expect, it } from 'vitest'
import { editablePart, readDraft } from './editable.ts'

const change = {
  op_id: 'o',
  seq: 4,
  table: 'sites',
  operation: 'UPDATE',
  record_id: 'r',
  base_version: 2,
  data: { name: 'x' },
  hlc: 'h',
  checksum: 'c',
}

describe('editablePart', () => {
  it('leaves out what the server gives anew', () => {
    expect(editablePart(change)).toEqual({
      table: 'sites',
      operation: 'UPDATE',
      record_id: 'r',
      base_version: 2,
      data: { name: 'x' },
    })
  })
  it('is empty for what was no change', () => {
    expect(editablePart('broken')).toEqual({})
  })
})

describe('readDraft', () => {
  const text = (edit: object) => JSON.stringify({ ...change, ...edit }, null, 2)

  it('takes a whole change', () => {
    expect(readDraft(text({})).ok).toBe(true)
    expect(readDraft(text({ operation: 'DELETE', data: undefined })).ok).toBe(true)
  })
  it('names the line where the JSON breaks', () => {
    expect(readDraft('{\n  "table": "a",\n  oops\n}')).toEqual({
      ok: false,
      message: 'Not JSON yet: look at line 3.',
    })
  })
  it.each([
    ['[]', 'object'],
    [text({ table: 3 }), '"table"'],
    [text({ record_id: null }), '"record_id"'],
    [text({ operation: 'PATCH' }), '"operation"'],
    [text({ data: null }), '"data"'],
  ])('says what is missing in %s', (typed, word) => {
    const draft = readDraft(typed)
    expect(draft.ok ? '' : draft.message).toContain(word)
  })
})
