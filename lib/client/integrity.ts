import type { JsonObject } from '#lib/core/json.ts'
import { recordChecksum, type Sha256Hex } from '#lib/protocol/checksum.ts'

/** Whether what a row holds is what its checksum was made of. A row that only says `LEAVE` holds nothing. */
export function isIntact(
  row: { operation?: string; data: JsonObject | null; checksum?: string | null | undefined },
  sha256Hex: Sha256Hex,
): boolean {
  if (row.operation === 'LEAVE' || row.checksum == null) return true
  return recordChecksum(row.data, sha256Hex) === row.checksum
}
