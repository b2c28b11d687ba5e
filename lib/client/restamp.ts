import { hlcNode, parseHlc } from '#lib/core/hlc.ts'
import { isCrdt } from '#lib/core/crdt/types.ts'
import { isJsonObject, jsonEqual, type JsonObject } from '#lib/core/json.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import type { Kernel } from './kernel.ts'
import type { Stamps } from './stamps.ts'
import type { PendingOperation } from './stored.ts'

/**
 * The operation with new stamps for those that were made before the device's clock was corrected: its own, and those of
 * the registers it sets. As they are, the server would only refuse them.
 */
export function restampAhead(
  kernel: Kernel,
  stamps: Stamps,
  deviceId: string,
  operation: PendingOperation,
): PendingOperation {
  const hlc = stamps.isAhead(operation.hlc) ? stamps.next() : operation.hlc
  const data = operation.data && restamped(operation.data, stamps, hlcNode(deviceId))
  if (jsonEqual(data, operation.data)) return { ...operation, hlc }
  return { ...operation, hlc, data, checksum: recordChecksum(data, kernel.sha256Hex) }
}

function restamped(value: JsonObject, stamps: Stamps, node: string): JsonObject {
  if (isCrdt(value)) {
    const { hlc } = value
    const isOurs =
      value['$crdt'] === 'lww-register' && typeof hlc === 'string' && parseHlc(hlc)?.node === node
    return isOurs && stamps.isAhead(hlc) ? { ...value, hlc: stamps.next() } : value
  }
  const renewed: JsonObject = {}
  for (const name of Object.keys(value)) {
    const inner = value[name] ?? null
    renewed[name] = isJsonObject(inner) ? restamped(inner, stamps, node) : inner
  }
  return renewed
}
