import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { AppError } from '#lib/protocol/errors.ts'
import type { ApiRequest } from './api-request.ts'

const gunzipBuffer = promisify(gunzip)

/** Deeper JSON than this is nobody's record and would exhaust the stack of whatever walks it. */
const maxDepth = 64

/** A request body that was read within bounds. */
export type ReadBody = { value: unknown; sizeBytes: number }

/**
 * Reads a JSON body of at most `limitBytes`, counted after decompression.
 * An empty one is `whenEmpty` where that is given.
 * @throws AppError `payload_too_large`, `unsupported_media_type`, `malformed`
 */
export async function readJson(
  request: ApiRequest,
  limitBytes: number,
  options: { whenEmpty?: unknown } = {},
): Promise<ReadBody> {
  const type = request.headers.get('content-type')
  if (type && !/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type)) {
    throw new AppError('unsupported_media_type', 'Send the body as application/json.')
  }
  const raw = await readBounded(request, limitBytes)
  if (raw.byteLength === 0 && 'whenEmpty' in options) return { value: options.whenEmpty, sizeBytes: 0 }
  const bytes = await decompress(raw, request.headers.get('content-encoding'), limitBytes)
  if (exceedsDepth(bytes, maxDepth)) {
    throw new AppError('malformed', `The JSON is nested more than ${maxDepth} levels deep.`)
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new AppError('malformed', 'The body is not valid UTF-8.', { cause })
  }
  try {
    return { value: JSON.parse(text), sizeBytes: bytes.byteLength }
  } catch (cause) {
    throw new AppError('malformed', 'The body is not valid JSON; it may have been cut off.', { cause })
  }
}

/** Reads a body of at most `limitBytes`, as it was sent. @throws AppError `payload_too_large`, `malformed` */
export async function readBounded(request: ApiRequest, limitBytes: number): Promise<Buffer> {
  const declared = Number(request.headers.get('content-length') ?? 0)
  if (declared > limitBytes) throw tooLarge(limitBytes)
  const parts: Uint8Array[] = []
  let size = 0
  try {
    for await (const part of request.body ?? []) {
      size += part.byteLength
      if (size > limitBytes) throw tooLarge(limitBytes)
      parts.push(part)
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    throw new AppError('malformed', 'The body was cut off.', { cause })
  }
  return Buffer.concat(parts, size)
}

async function decompress(raw: Buffer, encoding: string | null, limitBytes: number): Promise<Buffer> {
  const name = (encoding ?? 'identity').trim().toLowerCase()
  if (name === '' || name === 'identity') return raw
  if (name !== 'gzip' && name !== 'x-gzip') {
    throw new AppError('unsupported_media_type', 'Content-Encoding must be gzip or absent.')
  }
  try {
    return await gunzipBuffer(raw, { maxOutputLength: limitBytes })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limitBytes)
    throw new AppError('malformed', 'The body is not valid gzip.', { cause })
  }
}

function tooLarge(limitBytes: number): AppError {
  return new AppError(
    'payload_too_large',
    `The body may have ${limitBytes} bytes at most. Send fewer changes.`,
    {
      extras: { limit_bytes: limitBytes },
    },
  )
}

/** Counts brackets outside strings: cheap, and before any parser recurses. */
function exceedsDepth(bytes: Uint8Array, limit: number): boolean {
  let depth = 0
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (inString) {
      if (byte === 0x5c) i++
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > limit) return true
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }
  return false
}
