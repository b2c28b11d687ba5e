import { createHash } from 'node:crypto'
import type { AuditVerification } from '#lib/protocol/access.ts'
import { authorise, type Actor } from '../actor.ts'
import { sameHash } from '../tokens.ts'
import { selectAuditHead, selectAuditLinks, type AuditHead } from './store.ts'

/** What the chain of an empty audit is: migration 20261122000100_log starts with the same. */
const origin = sha256(Buffer.from('holdfast audit'))
const pageSize = 2_000

/** Computes the audit's chain anew and says where, if anywhere, it was tampered with. */
export async function verifyAudit(actor: Actor): Promise<AuditVerification> {
  authorise(actor, 'admin')
  const head = await selectAuditHead()
  if (!head) return { ok: false, checked: 0, last_id: 0, broken: { id: 0, reason: 'head' } }
  const broken = await findBroken(head)
  const lastId = Number(head.last_id)
  return {
    ok: broken === null,
    checked: broken ? Math.min(Math.max(0, broken.id - 1), lastId) : lastId,
    last_id: lastId,
    broken,
  }
}

async function findBroken(head: AuditHead): Promise<AuditVerification['broken']> {
  let chain: Uint8Array = origin
  let last = 0n
  while (last < head.last_id) {
    const links = await selectAuditLinks(last, head.last_id, pageSize)
    if (links.length === 0) return { id: Number(last) + 1, reason: 'missing' }
    for (const link of links) {
      if (link.id === last) return { id: Number(link.id), reason: 'added' }
      if (link.id !== last + 1n) return { id: Number(last) + 1, reason: 'missing' }
      chain = sha256(Buffer.concat([chain, link.digest]))
      if (!sameHash(chain, link.chain)) return { id: Number(link.id), reason: 'changed' }
      last = link.id
    }
  }
  if (!sameHash(chain, head.chain)) return { id: Number(last), reason: 'head' }
  return head.behind === null ? null : { id: Number(head.behind), reason: 'added' }
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}
