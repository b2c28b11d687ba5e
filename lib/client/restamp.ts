import { hlcNode, parseHlc, stampAfter } from '#lib/core/hlc.ts'
import { isCrdt } from '#lib/core/crdt/types.ts'
import { isJsonObject, jsonEqual, memberOf, type Json, type JsonObject } from '#lib/core/json.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import { sideOpId } from './edits.ts'
import type { Kernel } from './kernel.ts'
import { revise } from './queue.ts'
import { readPending, readRow } from './rows.ts'
import type { Stamps } from './stamps.ts'
import type { PendingOperation } from './stored.ts'
import type { Unit } from './unit.ts'

/**
 * Stamps anew what was stamped before the device's clock was corrected: the operation, and the registers it sets. As they
 * are, the server would only refuse them. But what was sent and not refused may be known to the server: with another
 * register it would be another operation, and take effect beside the first.
 * @returns the operation, written
 */
export async function restampAhead(
  kernel: Kernel,
  unit: Unit,
  stamps: Stamps,
  {
    operation,
    deviceId,
    isRefused = false,
  }: { operation: PendingOperation; deviceId: string; isRefused?: boolean },
): Promise<PendingOperation> {
  const hlc = isRefused || stamps.isAhead(operation.hlc) ? stamps.next() : operation.hlc
  const own = { stamps, node: hlcNode(deviceId) }
  const { data } = operation
  const mayDiffer = isRefused || !operation.wasSent
  const renewed =
    data && mayDiffer && hasAhead(data, own) ? restamped(data, await beneath(unit, operation), own) : data
  if (hlc === operation.hlc && renewed === data) return operation
  if (jsonEqual(renewed, data)) return revise(unit, operation, { ...operation, hlc })
  const checksum = recordChecksum(renewed, kernel.sha256Hex)
  const firstChecksum = operation.firstChecksum ?? operation.checksum
  return revise(unit, operation, { ...operation, hlc, data: renewed, checksum, firstChecksum })
}

type Own = { stamps: Stamps; node: string }

/** What the operation was made on, as far as it is still here. */
async function beneath(unit: Unit, operation: PendingOperation): Promise<JsonObject | null> {
  const row = await readRow(unit, operation)
  const earlier = (await readPending(unit, row)).findLast(({ ordinal }) => ordinal < operation.ordinal)
  const mark = row?.conflicts.find((each) => sideOpId(each) === operation.baseOpId)
  return (earlier ? earlier.data : mark ? mark.mine : row?.server?.data) ?? null
}

function hasAhead(value: JsonObject, own: Own): boolean {
  if (isCrdt(value)) return isOwnAhead(value, own)
  return Object.values(value).some((inner) => isJsonObject(inner) && hasAhead(inner, own))
}

function isOwnAhead({ $crdt, hlc }: JsonObject, { stamps, node }: Own): boolean {
  return (
    $crdt === 'lww-register' && typeof hlc === 'string' && parseHlc(hlc)?.node === node && stamps.isAhead(hlc)
  )
}

/** A register keeps its place after the one it was set on, whose stamp the server may have taken as it was. */
function restamped(value: JsonObject, base: Json | undefined, own: Own): JsonObject {
  if (isCrdt(value)) {
    const before = memberOf(base, 'hlc')
    if (!isOwnAhead(value, own) || before === value['hlc']) return value
    const stamp = own.stamps.next()
    return { ...value, hlc: typeof before === 'string' ? stampAfter(stamp, before) : stamp }
  }
  const renewed: JsonObject = {}
  for (const name of Object.keys(value)) {
    const inner = value[name] ?? null
    renewed[name] = isJsonObject(inner) ? restamped(inner, memberOf(base, name), own) : inner
  }
  return renewed
}
