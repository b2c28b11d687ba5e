import { startTracing, type Tracing } from '#lib/telemetry/trace.ts'
import { insertTraces } from './store.ts'

/** Tracing of this process, with the spans of recent syncs kept for the console. */
export function startSyncTracing(): Tracing {
  return startTracing(insertTraces)
}
