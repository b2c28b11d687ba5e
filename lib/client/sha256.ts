import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Sha256Hex } from '#lib/protocol/checksum.ts'

/** SHA-256 in plain JavaScript: runs wherever the library runs, and needs no asynchronous crypto. */
export const portableSha256Hex: Sha256Hex = (text) => bytesToHex(sha256(utf8ToBytes(text)))
