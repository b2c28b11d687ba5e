import { randomUUID } from 'node:crypto'
import type { JsonObject } from '#lib/core/json.ts'
import type { DeadLetterDetail, DeadLetterGroup, DeadLetterItem, ReplayReply } from '#lib/protocol/console.ts'
import type { ChangeInput } from '#lib/protocol/sync.ts'
import { personActor, type Role } from '#lib/server/actor.ts'
import { listAudit } from '#lib/server/audit/list.ts'
import type { Page } from '#lib/server/list/page.ts'
import { ask } from '#lib/server/testing/ask.ts'
import { everybody } from '#lib/server/testing/everybody.ts'
import { putPolicy, RawDevice } from '#lib/server/testing/raw-device.ts'
import { POST as discardRoute } from '../[id]/discard/route.ts'
import { POST as replayRoute } from '../[id]/replay/route.ts'
import { POST as restoreRoute } from '../[id]/restore/route.ts'
import { GET as getRoute } from '../[id]/route.ts'
import { GET as groupsRoute } from '../groups/route.ts'
import { GET as listRoute } from '../route.ts'

export const table = 'counts'
export const schema: JsonObject = { required: ['n'], properties: { n: { type: 'integer', minimum: 0 } } }

type Asking = { role?: Role; ifMatch?: string }
type Settled = ReplayReply & DeadLetterDetail & { errors: unknown; code: string }

/** Somebody who works on dead letters over HTTP, on a database of their own. */
export async function deadLetterDesk() {
  const callers = await everybody()
  const { db } = callers.own
  await putPolicy(db, { name: table, strategy: 'merge', schema })

  const read = async <Body>(query: string, route: typeof listRoute, under = '') =>
    (await ask<Body>(callers, route, { role: 'viewer', path: `/api/v1/dead-letters${under}?${query}` })).body
  const post =
    (route: typeof replayRoute, verb: string) =>
    (id: string, body: unknown = {}, { role = 'operator', ifMatch }: Asking = {}) =>
      ask<Settled>(callers, route, {
        ...{ role, method: 'POST', path: `/api/v1/dead-letters/${id}/${verb}`, params: { id }, body },
        ...(ifMatch !== undefined && { ifMatch }),
      })
  const device = (scopes: string[] = [randomUUID()]) => RawDevice.enrol(db, scopes)
  return {
    close: callers.close,
    device,
    putPolicy: (policy: Parameters<typeof putPolicy>[1]) => putPolicy(db, policy),
    get: (id: string) =>
      ask<DeadLetterDetail>(callers, getRoute, {
        role: 'viewer',
        path: `/api/v1/dead-letters/${id}`,
        params: { id },
      }),
    list: (query: string) => read<Page<DeadLetterItem>>(query, listRoute),
    groups: (query: string) => read<Page<DeadLetterGroup>>(query, groupsRoute, '/groups'),
    replay: post(replayRoute, 'replay'),
    discard: post(discardRoute, 'discard'),
    restore: post(restoreRoute, 'restore'),
    audit: (id: string) => listAudit(admin, { target: 'dead_letter', target_id: id }),
    /** A device whose operation the server refuses for good. `damage` is done to the change after it was made. */
    async makeLetter(
      over: Parameters<RawDevice['change']>[0] = {},
      sender?: RawDevice,
      damage: Record<string, unknown> = {},
    ) {
      const from = sender ?? (await device())
      const made = from.change({ table, scope: from.scopes[0]!, data: { n: -1, note: 'x' }, ...over })
      const { rejected } = await from.sync([{ ...made, ...damage }])
      return { id: rejected[0]!.dead_letter_id!, device: from, change: made }
    },
  }
}
export type DeadLetterDesk = Awaited<ReturnType<typeof deadLetterDesk>>

const admin = personActor({ id: 'a', name: 'admin', role: 'admin', via: 'session' })

/** The change as a person would mend it. */
export function mend(change: ChangeInput, data: JsonObject = { n: 1, note: 'x' }): JsonObject {
  return JSON.parse(JSON.stringify({ ...change, data })) as JsonObject
}
