import addFormats, { type FormatName } from 'ajv-formats'
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import type { JsonObject } from '#lib/core/json.ts'
import type { FieldError } from '#lib/protocol/errors.ts'
import { linearRegex } from './linear-regex.ts'
import { escapeToken } from './pointer.ts'

const maxSchemaBytes = 200_000
/** ajv compares items pairwise where they may be objects. */
const maxUniqueItems = 1_000
/** Up to this size a person gets the whole list of what is wrong; of more, the first fault. */
const fullListBytes = 65_536
const maxErrors = 20

/** @returns what the schema has against the data; pointers lead into the change (`/data/…`) */
export type SchemaCheck = (data: JsonObject, sizeBytes: number) => FieldError[]

/**
 * Compiles a JSON Schema 2020-12. Unknown keywords and formats, references to other documents, patterns that RE2
 * does not know and unbounded `uniqueItems` are refused.
 * @returns the check, or what is wrong with the schema by JSON pointer into the policy
 */
export function compileSchema(schema: JsonObject): { check: SchemaCheck } | { errors: FieldError[] } {
  if (JSON.stringify(schema).length > maxSchemaBytes) {
    return { errors: [{ pointer: '/schema', detail: `may have ${maxSchemaBytes} characters at most` }] }
  }
  const unbounded = findUnboundedUnique(schema, '/schema')
  if (unbounded) return { errors: [unbounded] }
  let first: ValidateFunction
  try {
    schemaOfSchemas ??= newAjv(false)
    if (!schemaOfSchemas.validateSchema(schema)) {
      return {
        errors: (schemaOfSchemas.errors ?? []).slice(0, maxErrors).map((error) => describe(error, '/schema')),
      }
    }
    first = newAjv(false).compile(schema)
    // Shows a schema that refers to itself without end, which compiles and then overflows.
    first({})
  } catch (error) {
    const overflow = error instanceof RangeError
    const detail = overflow
      ? 'refers to itself without end'
      : error instanceof Error
        ? error.message
        : 'is not valid'
    return { errors: [{ pointer: '/schema', detail }] }
  }
  let all: ValidateFunction | null = null
  const check: SchemaCheck = (data, sizeBytes) => {
    try {
      if (first(data)) return []
      if (sizeBytes > fullListBytes) return errorsOf(first)
      all ??= newAjv(true).compile(schema)
      all(data)
      return errorsOf(all)
    } catch (error) {
      if (error instanceof RangeError)
        return [{ pointer: '/data', detail: 'is nested too deep for its schema' }]
      throw error
    }
  }
  return { check }
}

const exactFormats: FormatName[] = ['date', 'time', 'date-time', 'iso-time', 'iso-date-time']
const simpleFormats: FormatName[] = [
  ...([
    'duration',
    'uri',
    'uri-reference',
    'email',
    'hostname',
    'ipv4',
    'ipv6',
    'uuid',
    'json-pointer',
  ] as const),
  ...(['int32', 'int64', 'float', 'double'] as const),
]
/** Compiles the schema of schemas once. */
let schemaOfSchemas: Ajv2020 | null = null

function newAjv(allErrors: boolean): Ajv2020 {
  const ajv = new Ajv2020({
    allErrors,
    strict: true,
    strictTypes: false,
    strictRequired: false,
    strictTuples: false,
    validateSchema: false,
    allowUnionTypes: true,
    logger: false,
    ownProperties: true,
    code: { regExp: Object.assign((pattern: string) => linearRegex(pattern), { code: 'linearRegex' }) },
  })
  addFormats(ajv, { mode: 'full', formats: exactFormats })
  // The simple forms of these have no pattern that backtracks.
  addFormats(ajv, { mode: 'fast', formats: simpleFormats })
  return ajv
}

function errorsOf(validate: ValidateFunction): FieldError[] {
  return (validate.errors ?? []).slice(0, maxErrors).map((error) => describe(error, '/data'))
}

function describe(error: ErrorObject, root: string): FieldError {
  const params = error.params as { [name: string]: unknown }
  const missing = params['missingProperty']
  const extra = params['additionalProperty'] ?? params['unevaluatedProperty']
  const at = root + error.instancePath
  if (typeof missing === 'string') return { pointer: `${at}/${escapeToken(missing)}`, detail: 'is required' }
  if (typeof extra === 'string')
    return { pointer: `${at}/${escapeToken(extra)}`, detail: 'is not a field of this table' }
  const allowed = params['allowedValues']
  if (error.keyword === 'enum' && Array.isArray(allowed)) {
    return {
      pointer: at,
      detail: `must be one of ${allowed.map((value) => JSON.stringify(value)).join(', ')}`,
    }
  }
  if (error.keyword === 'const')
    return { pointer: at, detail: `must be ${JSON.stringify(params['allowedValue'])}` }
  return { pointer: at, detail: error.message ?? `breaks ${error.keyword}` }
}

function findUnboundedUnique(schema: unknown, pointer: string): FieldError | null {
  if (typeof schema !== 'object' || schema === null) return null
  const { uniqueItems, maxItems } = schema as { uniqueItems?: unknown; maxItems?: unknown }
  if (uniqueItems === true && !(typeof maxItems === 'number' && maxItems <= maxUniqueItems)) {
    return { pointer, detail: `uniqueItems needs a maxItems of ${maxUniqueItems} at most beside it` }
  }
  for (const [key, inner] of Object.entries(schema)) {
    const found = findUnboundedUnique(inner, `${pointer}/${escapeToken(key)}`)
    if (found) return found
  }
  return null
}
