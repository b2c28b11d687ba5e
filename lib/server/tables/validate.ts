import type { JsonObject } from '#lib/core/json.ts'
import type { TablePolicy } from '#lib/core/policy.ts'
import { AppError, type FieldError } from '#lib/protocol/errors.ts'
import { brokenRules, compileRules, type CompiledRule } from './rules.ts'
import { compileSchema, type SchemaCheck } from './schema.ts'

/** A policy ready for use: schema and rules are compiled once, not once per change. */
export type CompiledPolicy = TablePolicy & {
  readonly check: SchemaCheck | null
  readonly compiledRules: CompiledRule[]
}

/** Why a record may not be written as it is. Pointers lead into the change: `/data/…`. */
export type InvalidRecord = {
  code: 'schema_mismatch' | 'business_rule' | 'record_too_large'
  detail: string
  errors: FieldError[]
}

/**
 * @param faults what else is known to be wrong with it, to be told together
 * @throws AppError `invalid_request` with pointers into the policy, where its schema or a rule is not valid
 */
export function compilePolicy(policy: TablePolicy, faults: readonly FieldError[] = []): CompiledPolicy {
  const schema = policy.schema === null ? { check: null } : compileSchema(policy.schema)
  const { rules, errors } = compileRules(policy.rules)
  const wrong = [...faults, ...('errors' in schema ? schema.errors : []), ...errors]
  if ('errors' in schema || wrong.length > 0) {
    throw new AppError('invalid_request', `The policy of ${policy.name} is not valid: ${summary(wrong)}`, {
      extras: { errors: wrong },
    })
  }
  return { ...policy, check: schema.check, compiledRules: rules }
}

/**
 * Whether a table takes this data: size, then schema, then business rules.
 * @param oldData the record's data before; null for a new record
 * @param sizeBytes UTF-8 length of the data as JSON, where the caller knows it already
 */
export function validateRecord(
  compiled: CompiledPolicy,
  data: JsonObject,
  oldData: JsonObject | null,
  sizeBytes = Buffer.byteLength(JSON.stringify(data)),
): InvalidRecord | null {
  if (sizeBytes > compiled.max_record_bytes) {
    const detail = `has ${sizeBytes} bytes; ${compiled.name} takes ${compiled.max_record_bytes} at most`
    return { code: 'record_too_large', detail: `/data ${detail}`, errors: [{ pointer: '/data', detail }] }
  }
  const mismatches = compiled.check?.(data, sizeBytes) ?? []
  if (mismatches.length > 0)
    return { code: 'schema_mismatch', detail: summary(mismatches), errors: mismatches }
  const broken = compiled.compiledRules.length > 0 ? brokenRules(compiled.compiledRules, data, oldData) : []
  if (broken.length > 0) return { code: 'business_rule', detail: summary(broken), errors: broken }
  return null
}

function summary(errors: readonly FieldError[]): string {
  const shown = errors.slice(0, 3).map(({ pointer, detail }) => `${pointer} ${detail}`)
  return errors.length > 3 ? `${shown.join('; ')}; and ${errors.length - 3} more` : shown.join('; ')
}
