import { isAnythingUnproven } from './confirm.ts'
import { readJournalDocument } from './journal.ts'
import { queuedPages } from './queue.ts'
import { readRowsDocument } from './rows.ts'
import type { Unit } from './unit.ts'

/** What a restored server lost goes before the full sync; what it refuses for now does not hold that up. */
export async function isResending(unit: Unit): Promise<boolean> {
  if ((await readJournalDocument(unit)).resending === 0) return false
  for await (const page of queuedPages(unit)) {
    if (page.some((operation) => operation.firstAnswer !== null && operation.hole === null)) return true
  }
  return false
}

/** Whether there is anything to send, to ask, or to fetch. */
export async function hasWork(unit: Unit): Promise<boolean> {
  const { snapshot } = await readRowsDocument(unit)
  if (snapshot || (await isAnythingUnproven(unit))) return true
  const inflight = await unit.scan('inflight', { limit: 1 })
  if (inflight.length > 0) return true
  const outbox = await unit.scan('outbox', { limit: 1 })
  return outbox.length > 0
}
