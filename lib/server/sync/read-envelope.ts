import { isJsonObject, jsonPointer } from '#lib/core/json.ts'
import { AppError } from '#lib/protocol/errors.ts'
import { protocolVersion, syncRequestSchema, type SyncRequest } from '#lib/protocol/sync.ts'
import { parseRequest } from '../http/parse.ts'

// The changes are read one by one, later: what is wrong with one of them must not fail the request.
const wholeSchema = syncRequestSchema.omit({ changes: true, dead_letters: true, status: true })
const listsSchema = syncRequestSchema.pick({ changes: true, dead_letters: true })

/**
 * The envelope of a sync, as far as it must be whole: its changes are read one by one, later.
 * @throws AppError `malformed`, `protocol_unsupported`, `invalid_request`, `forbidden` for another device's id
 */
export function readEnvelope(envelope: unknown, device: { id: string }): SyncRequest {
  if (!isJsonObject(envelope)) throw new AppError('malformed', 'The body must be a JSON object.')
  const { protocol } = envelope
  if (typeof protocol === 'number' && protocol !== protocolVersion) {
    throw new AppError(
      'protocol_unsupported',
      `This server speaks protocol ${protocolVersion}. Update the app.`,
    )
  }
  const { changes, dead_letters: deadLetters, status, ...rest } = envelope
  const request = parseRequest(wholeSchema, rest)
  const lists = listsSchema.safeParse({
    ...(changes === undefined ? {} : { changes }),
    ...(deadLetters === undefined || deadLetters === null ? {} : { dead_letters: deadLetters }),
  })
  if (!lists.success) throw listError(lists.error.issues)
  if (request.device_id !== device.id) {
    throw new AppError('forbidden', 'device_id is not that of the token.')
  }
  return { ...request, ...lists.data, status: readStatus(status) }
}

function listError(issues: readonly { path: PropertyKey[]; message: string }[]): AppError {
  const errors = issues.map(({ path, message }) => ({
    pointer: jsonPointer(path),
    detail: message,
  }))
  return new AppError('invalid_request', `${errors[0]?.pointer}: ${errors[0]?.detail}`, {
    extras: { errors },
  })
}

/** A status that cannot be read costs its own news, never the changes it came with. */
function readStatus(status: unknown): SyncRequest['status'] {
  if (status === undefined || status === null) return undefined
  const read = syncRequestSchema.shape.status.safeParse(status)
  return read.success ? read.data : undefined
}
