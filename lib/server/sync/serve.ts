import { randomUUID } from 'node:crypto'
import { lamportClock } from '#lib/core/lamport.ts'
import { errorCodes, type ErrorCode } from '#lib/protocol/errors.ts'
import { limits } from '#lib/protocol/sync.ts'
import { readJson } from '../http/body.ts'
import type { DeviceCall } from '../http/device-route.ts'
import { expectedError } from '../http/expected-error.ts'
import { jsonText, type TextReply } from '../http/reply.ts'
import { recordSync } from '../syncs/record.ts'
import { noCounts } from '../syncs/session.ts'
import { serverEngine } from './server-engine.ts'
import { sync, type SyncFacts } from './sync.ts'

/** Answers a request to /sync, and records it, failed ones too. */
export async function serveSync({ request, device, traceId }: DeviceCall): Promise<TextReply> {
  const requestId = randomUUID()
  const startedAt = new Date()
  const began = performance.now()
  let sizeBytes = Number(request.headers.get('content-length') ?? 0)
  let facts: SyncFacts = {
    clock: lamportClock(),
    ...{ syncId: null, incarnation: null, counts: noCounts, tables: {}, scopes: [], resync: null },
    ...{ clockSkewMs: null, reported: null, acknowledged: null, inProgress: false },
  }
  const record = (answer: { status: number; errorCode: ErrorCode | null; responseBytes: number }) =>
    recordSync({
      id: requestId,
      deviceId: device.id,
      appVersion: device.appVersion,
      startedAt,
      durationMs: performance.now() - began,
      requestBytes: sizeBytes,
      traceId,
      ...facts,
      ...answer,
    })
  try {
    const body = await readJson(request, limits.max_body_bytes)
    sizeBytes = body.sizeBytes
    const synced = await sync(serverEngine(), device, body.value, {
      ...{ traceId, requestId, sizeBytes },
      seen: (known) => {
        facts = { ...facts, ...known }
      },
    })
    facts = synced.facts
    const responseBytes = synced.body.reduce((sum, part) => sum + Buffer.byteLength(part), 0)
    void record({ status: 200, errorCode: null, responseBytes })
    return jsonText(synced.body)
  } catch (error) {
    const errorCode = expectedError(error).code
    void record({ status: errorCodes[errorCode].status, errorCode, responseBytes: 0 })
    throw error
  }
}
