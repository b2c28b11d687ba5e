import { jsonEqual, type JsonObject } from '#lib/core/json.ts'
import { policyFaults } from '#lib/core/policy-faults.ts'
import type { TablePolicy } from '#lib/core/policy.ts'
import type { Table } from '#lib/protocol/tables.ts'
import { authorise, type Actor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { staleError } from '../http/precondition.ts'
import { notifyChanged } from '../stream/notify.ts'
import { toTable } from './list.ts'
import { storedPolicy } from './policy-cache.ts'
import { insertPolicy, lockPolicy, updatePolicy } from './store.ts'
import { compilePolicy } from './validate.ts'

/**
 * Gives a table its policy, and makes the table where it is new. Takes effect with the next change that is decided, on
 * every process. A policy that says what the present one says changes nothing.
 * @param put.version what the caller saw; null overwrites whatever is there
 * @throws AppError `invalid_request` for a policy that makes no sense, with pointers to where, `stale`
 */
export async function putTable(
  actor: Actor,
  put: { policy: TablePolicy; version: number | null; traceId: string },
): Promise<{ table: Table; created: boolean }> {
  authorise(actor, 'admin')
  const { policy, version } = put
  compilePolicy(policy, policyFaults(policy))
  const done = await database().$transaction(async (tx) => {
    const audit = (entry: { before?: JsonObject; after: JsonObject }) =>
      appendAudit(tx, [
        {
          actor,
          action: 'table.put',
          target: 'table',
          targetId: policy.name,
          traceId: put.traceId,
          ...entry,
        },
      ])
    if (version === null) {
      const made = await insertPolicy(tx, policy, actor.name)
      if (made) {
        await audit({ after: { ...policy } })
        return { table: toTable(made), created: true }
      }
    }
    const present = await lockPolicy(tx, policy.name)
    if (!present || (version !== null && present.version !== version)) throw staleError()
    const before: JsonObject = { ...storedPolicy(present) }
    const after: JsonObject = { ...policy }
    const changed = Object.keys(after).filter((member) => !jsonEqual(before[member], after[member]))
    if (changed.length === 0) return { table: toTable(present), created: false }
    const row = await updatePolicy(tx, policy, actor.name)
    await audit({ before: pick(before, changed), after: pick(after, changed) })
    return { table: toTable(row), created: false }
  })
  notifyChanged({ kinds: ['table', 'audit'] })
  return done
}

function pick(policy: JsonObject, members: readonly string[]): JsonObject {
  return Object.fromEntries(members.map((member) => [member, policy[member] ?? null]))
}
