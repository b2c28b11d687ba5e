import { createHash } from 'node:crypto'
import type { Finding } from './finding.ts'
import { selectAuditHead, selectAuditLinks, type Ask } from './store.ts'

/** Verifies the audit's chain, every entry of it: after one that was changed it goes on from what stands there. */
export async function* verifyAuditChain(ask: Ask): AsyncGenerator<Finding> {
  const tell = (id: bigint, detail: string): Finding => ({ check: 'audit', id: String(id), detail })
  const head = await selectAuditHead(ask)
  if (!head) return yield tell(0n, 'the audit has no head')
  let chain: Buffer = createHash('sha256').update('holdfast audit').digest()
  let last = 0n
  for (;;) {
    const links = await selectAuditLinks(ask, String(last))
    if (links.length === 0) break
    for (const link of links) {
      const id = BigInt(link.id)
      if (id === last) yield tell(id, 'an entry was added')
      else if (id !== last + 1n) yield tell(last + 1n, `entries up to ${id - 1n} are missing`)
      const next = createHash('sha256').update(chain).update(link.digest).digest()
      if (id === last + 1n && !next.equals(link.chain)) yield tell(id, 'the entry was changed')
      chain = link.chain
      last = id
    }
  }
  const end = BigInt(head.last_id)
  if (last > end) yield tell(end + 1n, `entries up to ${last} were added behind the head`)
  else if (last < end) yield tell(last + 1n, `entries up to ${end} are missing`)
  else if (!chain.equals(head.chain)) yield tell(last, 'the head is not that of the last entry')
}
