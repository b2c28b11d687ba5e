import { z } from 'zod'
import { upcastSteps } from '#lib/core/upcast.ts'
import { deviceEventSchema, type DeviceDetail } from '#lib/protocol/devices.ts'
import { AppError } from '#lib/protocol/errors.ts'
import { authorise, type Actor } from '../actor.ts'
import { healthThresholds } from '../health/thresholds.ts'
import { etag } from '../http/precondition.ts'
import {
  selectEvents,
  selectHeads,
  selectKeyName,
  selectSchemas,
  selectStreams,
  selectTurn,
  type EventRow,
  type SchemaRow,
} from './detail-store.ts'
import { iso, toDeviceItem } from './item.ts'
import { selectDevice } from './list-store.ts'
import { flushSyncRecords } from '../syncs/record.ts'

const positions = z.record(z.string(), z.number())

/** Everything about one device. @throws AppError `not_found` */
export async function getDevice(actor: Actor, id: string): Promise<DeviceDetail> {
  authorise(actor, 'viewer')
  await flushSyncRecords()
  const view = { now: new Date(), limits: await healthThresholds() }
  const row = await selectDevice(id, view)
  if (!row) throw new AppError('not_found', 'There is no such device.')
  const keyId = row.enrollment_key_id
  const [streams, events, heads, schemas, turn, keyName] = await Promise.all([
    selectStreams(id),
    selectEvents(id),
    selectHeads(row.scopes),
    selectSchemas(id),
    selectTurn(id),
    keyId === null ? null : selectKeyName(keyId),
  ])
  const acknowledged = positions.catch({}).parse(row.acknowledged)
  return {
    ...toDeviceItem(row, view),
    etag: etag(row.version),
    schema_version: row.schema_version,
    schemas: schemas.map(toSchema),
    full_sync: turn && {
      state: turn.admitted_at ? 'loading' : 'waiting',
      since: (turn.admitted_at ?? turn.asked_at).toISOString(),
      ahead: turn.admitted_at ? 0 : Number(turn.ahead),
    },
    created_at: row.created_at.toISOString(),
    revoked_at: iso(row.revoked_at),
    resync_reason: row.resync_reason,
    enrollment_key: keyId !== null && keyName !== null ? { id: keyId, name: keyName } : null,
    incarnations: streams.map((stream) => ({
      incarnation: stream.incarnation,
      is_current: stream.incarnation === row.incarnation,
      last_seq: Number(stream.last_seq),
      holes: Number(stream.holes),
      created_at: stream.created_at.toISOString(),
    })),
    positions: heads.map(({ scope, seq, min_seq }) => {
      const known = acknowledged[scope]
      const head = Number(seq)
      return {
        scope,
        acknowledged_seq: known ?? null,
        head_seq: head,
        behind: Math.max(0, head - (known ?? 0)),
        is_expired: (known ?? 0) < Number(min_seq),
      }
    }),
    transitions: events.filter(({ kind }) => kind === 'transition').map(toEvent),
    errors: events.filter(({ kind }) => kind !== 'transition').map(toEvent),
  }
}

function toSchema({ table, version, is_declared, policy }: SchemaRow): DeviceDetail['schemas'][number] {
  const server_version = policy.schema_version
  const state =
    version > server_version
      ? is_declared
        ? 'unsupported'
        : 'ahead'
      : upcastSteps(version, policy)
        ? 'brought_up'
        : 'unsupported'
  return { table, version, server_version, state }
}

function toEvent({ id, at, kind, code, detail }: EventRow): z.output<typeof deviceEventSchema> {
  return {
    id: Number(id),
    at: at.toISOString(),
    kind: deviceEventSchema.shape.kind.parse(kind),
    code,
    detail,
  }
}
