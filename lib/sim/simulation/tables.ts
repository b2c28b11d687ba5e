import type { JsonObject } from '#lib/core/json.ts'
import { defaultPolicy, type TablePolicy } from '#lib/core/policy.ts'
import type { Dice } from './dice.ts'

export const scopes = ['north', 'south'] as const
export const tables = ['notes', 'settings', 'orders', 'cases', 'forms', 'assets'] as const

/** A table for each way of settling, one that refuses some edits, and one whose schema has moved on. */
export function policies(): TablePolicy[] {
  return [
    defaultPolicy('notes', 'merge'),
    defaultPolicy('settings', 'lww'),
    defaultPolicy('orders', 'fww'),
    { ...defaultPolicy('cases', 'manual'), max_record_bytes: 300 },
    {
      ...defaultPolicy('forms', 'merge'),
      tiebreak: 'lww',
      schema: { type: 'object', properties: { quantity: { type: 'integer' } } },
      rules: [
        { rule: '!has(self.quantity) || self.quantity >= 0', message: 'not below zero', field: 'quantity' },
      ],
    },
    {
      ...defaultPolicy('assets', 'merge'),
      tiebreak: 'server',
      schema_version: 2,
      upcasts: { '1': [{ rename: { label: 'name' } }] },
    },
  ]
}

/** Few fields with few values, so that edits meet. */
export function stateOf(dice: Dice, before: JsonObject | null): JsonObject {
  const data: JsonObject = before
    ? structuredClone(before)
    : { name: 'new', quantity: 1, tags: { a: 0, b: 0 } }
  for (let i = dice.int(1, 2); i > 0; i--) {
    const field = dice.pick(['name', 'quantity', 'tags', 'note'])
    if (field === 'tags') data['tags'] = { a: dice.int(0, 3), b: dice.int(0, 3) }
    else if (field === 'quantity') data['quantity'] = dice.int(0, 9)
    else data[field] = `${field} ${dice.int(0, 20)}`
  }
  return data
}

/** What no server takes. */
export function poison(dice: Dice): { table: string; data: JsonObject } {
  return dice.pick([
    { table: 'forms', data: { quantity: 'many' } },
    { table: 'forms', data: { quantity: -1 } },
    { table: 'cases', data: { name: 'x'.repeat(400) } },
    { table: 'nowhere', data: { name: 'lost' } },
  ])
}
