import { z } from 'zod'
import { apiKeySchema, auditItemSchema, enrollmentKeySchema, userSchema } from '#lib/protocol/access.ts'
import * as console from '#lib/protocol/console.ts'
import { deviceDetailSchema, deviceItemSchema } from '#lib/protocol/devices.ts'
import { healthSummarySchema } from '#lib/protocol/health.ts'
import { syncDetailSchema, syncItemSchema } from '#lib/protocol/syncs.ts'
import { tableSchema } from '#lib/protocol/tables.ts'

type JsonSchema = { [keyword: string]: unknown }

/** Shapes that have a name of their own in the description. */
const named = z.registry<{ id: string }>()
const names: [z.ZodType, string][] = [
  [console.conflictItemSchema, 'ConflictItem'],
  [console.conflictDetailSchema, 'Conflict'],
  [console.deadLetterItemSchema, 'DeadLetterItem'],
  [console.deadLetterDetailSchema, 'DeadLetter'],
  [console.deadLetterGroupSchema, 'DeadLetterGroup'],
  [console.recordSchema, 'Record'],
  [console.recordVersionSchema, 'RecordVersion'],
  [tableSchema, 'Table'],
  [deviceItemSchema, 'DeviceItem'],
  [deviceDetailSchema, 'Device'],
  [syncItemSchema, 'SyncItem'],
  [syncDetailSchema, 'Sync'],
  [healthSummarySchema, 'HealthSummary'],
  [auditItemSchema, 'AuditItem'],
  [enrollmentKeySchema, 'EnrollmentKey'],
  [apiKeySchema, 'ApiKey'],
  [userSchema, 'User'],
]
for (const [schema, id] of names) named.add(schema, { id })

/** Turns zod schemas into JSON Schema 2020-12, gathering those that have a name. */
export class SchemaBook {
  readonly components: { [name: string]: JsonSchema } = {}

  /** @param io `input` for what is sent to the server, `output` for what it answers */
  describe(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
    // Within an object, so that a named schema is referred to, not written out.
    const whole = z.toJSONSchema(z.object({ it: schema }), { metadata: named, io, unrepresentable: 'any' })
    for (const [name, definition] of Object.entries(whole.$defs ?? {})) {
      if (isNamed(name)) this.components[name] ??= rehome(definition) as JsonSchema
    }
    return rehome(whole.properties?.['it'] ?? {}) as JsonSchema
  }
}

const isNamed = (name: string) => names.some(([, id]) => id === name)

/** Points references at the components. The one schema that refers to itself is "any JSON": it says nothing. */
function rehome(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rehome)
  if (typeof value !== 'object' || value === null) return value
  const { $ref: reference, id: _id, ...rest } = value as { $ref?: unknown; id?: unknown }
  if (typeof reference === 'string') {
    const name = reference.replace('#/$defs/', '')
    return isNamed(name) ? { $ref: `#/components/schemas/${name}` } : {}
  }
  const kept = typeof _id === 'string' ? rest : value
  return Object.fromEntries(Object.entries(kept).map(([key, item]) => [key, rehome(item)]))
}
