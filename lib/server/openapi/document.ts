import type { z } from 'zod'
import { errorCodes, type ErrorCode } from '#lib/protocol/errors.ts'
import { deviceOperations } from './device-operations.ts'
import { governOperations } from './govern-operations.ts'
import type { Operation } from './operation.ts'
import { repairOperations } from './repair-operations.ts'
import { sagaOperations } from './saga-operations.ts'
import { SchemaBook } from './schemas.ts'

export const operations: readonly Operation[] = [
  ...deviceOperations,
  ...governOperations,
  ...repairOperations,
  ...sagaOperations,
]

/** OpenAPI 3.1 description of the API, made of the schemas that parse its requests and shape its replies. */
export function openApiDocument(version: string): { [member: string]: unknown } {
  const book = new SchemaBook()
  const paths: { [path: string]: { [method: string]: unknown } } = {}
  for (const operation of operations) {
    const methods = (paths[operation.path] ??= {})
    methods[operation.method.toLowerCase()] = describe(operation, book)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version,
      description:
        'The device protocol and the console API. Errors are RFC 9457 problems with a `code`. ' +
        'Lists take `limit` and `cursor` and answer `items`, `next_cursor` and an exact `total`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    paths,
    components: {
      schemas: { ...book.components, Problem: problem },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A device token, or an API key with a role.' },
        session: { type: 'apiKey', in: 'cookie', name: 'next-auth.session-token' },
      },
    },
  }
}

function describe(operation: Operation, book: SchemaBook) {
  const { path, who, query, body, summary } = operation
  return {
    summary,
    operationId: operationId(operation),
    tags: [path.split('/')[3] ?? 'api'],
    ...(who === 'anybody' ? { security: [] } : { 'x-role': who, security: security(who) }),
    parameters: [
      ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) =>
        parameter(name ?? '', 'path', true, { type: 'string' }),
      ),
      ...(operation.ifMatch
        ? [parameter('If-Match', 'header', operation.ifMatch === 'required', { type: 'string' })]
        : []),
      ...(query ? queryParameters(query, book) : []),
    ],
    ...(body && {
      requestBody: {
        required: operation.method !== 'DELETE',
        content: { 'application/json': { schema: book.describe(body, 'input') } },
      },
    }),
    responses: { ...success(operation, book), ...failures(operation) },
  }
}

function queryParameters(query: z.ZodObject, book: SchemaBook) {
  return Object.entries(query.shape).map(([name, schema]) =>
    parameter(name, 'query', false, book.describe(schema as z.ZodType, 'input')),
  )
}

function parameter(name: string, place: 'path' | 'header' | 'query', required: boolean, schema: object) {
  return { name, in: place, required, schema }
}

function security(who: Operation['who']) {
  if (who === 'device') return [{ token: [] }]
  return who === 'person' ? [{ session: [] }] : [{ token: [] }, { session: [] }]
}

function success({ reply, replyType, made }: Operation, book: SchemaBook) {
  const content = replyType
    ? { [replyType]: {} }
    : { 'application/json': reply ? { schema: book.describe(reply, 'output') } : {} }
  return {
    ...(made !== 'always' && { 200: { description: 'Done', content } }),
    ...(made && { 201: { description: 'Made', content } }),
  }
}

function failures(operation: Operation) {
  const codes = new Set<ErrorCode>(['unavailable', ...(operation.problems ?? [])])
  if (operation.who !== 'anybody')
    for (const code of ['unauthenticated', 'forbidden'] as const) codes.add(code)
  if (operation.path.includes('{')) codes.add('not_found')
  if (operation.query || operation.body) codes.add('invalid_request')
  if (operation.body) {
    for (const code of ['malformed', 'payload_too_large', 'unsupported_media_type'] as const) codes.add(code)
  }
  if (operation.ifMatch) codes.add('stale')
  if (operation.ifMatch === 'required') codes.add('precondition_required')
  const byStatus = Map.groupBy(codes, (code) => errorCodes[code].status)
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => [
      status,
      {
        description: same.map((code) => `\`${code}\`: ${errorCodes[code].title}`).join('; '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  )
}

/** `POST /api/v1/dead-letters/{id}/replay` → `post_dead_letters_id_replay` */
function operationId({ method, path }: Operation): string {
  const words = path.replace('/api/v1/', '').split(/\W+/).filter(Boolean)
  return [method.toLowerCase(), ...words].join('_')
}

const problem = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'retryable', 'trace_id'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { enum: Object.keys(errorCodes) },
    retryable: { type: 'boolean' },
    trace_id: { type: 'string' },
    retry_after_ms: { type: 'integer' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'detail'],
        properties: { pointer: { type: 'string' }, detail: { type: 'string' } },
      },
    },
  },
}
