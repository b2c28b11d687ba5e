import pino from 'pino'
import { activeTraceId } from './trace.ts'

/** Names whose values never reach a log, wherever they stand in what is logged. */
const secrets = [
  'password',
  'token',
  'device_token',
  'sync_token',
  'authorization',
  'cookie',
  'secret',
  'enrollment_key',
  'api_key',
]

/** pino redacts by path; three levels cover every object we log whole. */
const redactedPaths = secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `*.*.*.${name}`])

type DescribedError = {
  type: string
  message: string
  stack?: string
  code?: unknown
  cause?: DescribedError
}

/**
 * What a log says of an error, and of what caused it. Never the error's other members: a driver hangs its whole
 * connection on them. The job queue hands over copies of errors, which are none themselves.
 */
function describeError(error: unknown, depth = 0): DescribedError {
  if (!isErrorOrCopy(error)) return { type: typeof error, message: String(error) }
  return {
    type: error.name ?? 'Error',
    message: error.message,
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...('code' in error ? { code: error.code } : {}),
    ...(error.cause === undefined || depth > 3 ? {} : { cause: describeError(error.cause, depth + 1) }),
  }
}

function isErrorOrCopy(value: unknown): value is Partial<Error> & Pick<Error, 'message'> {
  return (
    typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string'
  )
}

/**
 * Structured log, one JSON object a line. Secrets are removed by name; the active trace is added.
 * @param isPlain what is logged is ids and counts of our own making: looking for secrets in it would cost the most
 */
export function createLogger(destination?: pino.DestinationStream, isPlain = false): pino.Logger {
  return pino(
    {
      level: process.env['LOG_LEVEL'] ?? 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (error: unknown) => describeError(error) },
      mixin: () => {
        const traceId = activeTraceId()
        return traceId === null ? {} : { trace_id: traceId }
      },
      // What is said explicitly wins over the active span.
      mixinMergeStrategy: (said, mixedIn) => ({ ...mixedIn, ...said }),
      ...(isPlain ? {} : { redact: { paths: redactedPaths, censor: '[redacted]' } }),
    },
    destination ?? pino.destination(1),
  )
}

export const logger = createLogger()

/** For lines of ids and counts alone, of which every sync writes two. */
export const plainLogger = createLogger(undefined, true)
