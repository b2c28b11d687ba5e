import { z } from 'zod'
import type { TablePolicy } from '#lib/core/policy.ts'
import { tablePolicySchema } from '#lib/protocol/policy.ts'
import { invalidRequest, parseRequest } from '../http/parse.ts'

/**
 * The policy in a request's body. The address names the table; a `name` in the body may repeat it, and no more.
 * @throws AppError `invalid_request`
 */
export function readPolicy(
  name: string,
  body: (schema: typeof anyObject) => Record<string, unknown>,
): TablePolicy {
  const members = body(anyObject)
  if (members['name'] !== undefined && members['name'] !== name) {
    throw invalidRequest([{ pointer: '/name', detail: `must be ${name}, as in the address, or absent` }])
  }
  return parseRequest(tablePolicySchema, { ...members, name })
}

const anyObject = z.record(z.string(), z.unknown())
