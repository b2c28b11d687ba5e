import pino from 'pino'
import { activeTraceId } from './trace.ts'

/** Names whose values never reach a log, wherever they stand in what is logged. */
const secrets = ['password', 'token', 'device_token', 'sync_token', 'authorization', 'cookie', 'secret', 'enrollment_key', 'api_key']

/** pino redacts by path; three levels cover every object we log whole. */
const redactedPaths = secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `*.*.*.${name}`])

/** Structured log, one JSON object a line. Secrets are removed by name; the active trace is added. */
export function createLogger(destination?: pino.DestinationStream): pino.Logger {
  return pino(
    {
      level: process.env['LOG_LEVEL'] ?? 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.err },
      mixin: () => {
        const traceId = activeTraceId()
        return traceId === null ? {} : { trace_id: traceId }
      },
      // What is said explicitly wins over the active span.
      mixinMergeStrategy: (said, mixedIn) => ({ ...mixedIn, ...said }),
      redact: { paths: redactedPaths, censor: '[redacted]' },
    },
    destination ?? pino.destination(1),
  )
}

export const logger = createLogger()
