import { parseHlc } from '#lib/core/hlc.ts'
import { jsonEqual, type Json, type JsonObject } from '#lib/core/json.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import {
  changeSchema,
  syncRequestSchema,
  type Change,
  type ServerChange,
  type SyncReply,
} from '#lib/protocol/sync.ts'
import type { Transport, TransportReply, TransportRequest } from '../ports.ts'
import { acceptance, change, content, rejection, sha256Hex, type Reply, type Row } from './model-answers.ts'
import { ok, refusal, withFault, type Fault } from './faults.ts'

type Strategy = 'lww' | 'fww' | 'manual'

interface Stream {
  lastSeq: number
  holes: Map<number, number>
  /** Content and answer of every seq that was answered for good. */
  answered: Map<number, { content: string; reply: Reply }>
}

function rowKey(scope: string, table: string, id: string): string {
  return JSON.stringify([scope, table, id])
}
