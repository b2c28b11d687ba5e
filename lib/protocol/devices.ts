import { z } from 'zod'
import { healthStates } from '#lib/core/health.ts'
import { breakerStates, uuid } from './sync.ts'

// Devices as the console sees them.

const at = z.iso.datetime()
const scope = z.string().min(1).max(200)

export const deviceStatuses = ['active', 'paused', 'revoked'] as const
export type DeviceStatus = (typeof deviceStatuses)[number]

export const healthReasonSchema = z.object({
  code: z.enum([
    'lag',
    'never_synced',
    'failed',
    'revoked_but_talking',
    'pending',
    'breaker',
    'clock_skew',
    'old_conflict',
  ]),
  state: z.enum(['critical', 'warning']),
  /** From when on it held, where that can be known. */
  since: at.nullable(),
})

export const deviceItemSchema = z.object({
  id: uuid,
  name: z.string(),
  platform: z.string(),
  app_version: z.string(),
  /** What people decided. */
  status: z.enum(deviceStatuses),
  /** Health by the rules, with every cause, the worst first. */
  state: z.enum(healthStates),
  reasons: z.array(healthReasonSchema),
  scopes: z.array(z.string()),
  lag_seconds: z.number(),
  /** Seen lately. */
  is_active: z.boolean(),
  is_syncing: z.boolean(),
  last_seen_at: at.nullable(),
  /** Last request that was answered 200. */
  last_sync_at: at.nullable(),
  /** State of the device's own machine. */
  sync_state: z.string(),
  pending: z.int(),
  pending_critical: z.int(),
  pending_bulk: z.int(),
  oldest_pending_at: at.nullable(),
  retries: z.int(),
  breaker: z.enum(breakerStates),
  /** The device's clock minus the server's. */
  clock_skew_ms: z.int(),
  storage_bytes: z.int().nullable(),
  last_error: z.object({ code: z.string(), at: at.nullable() }).nullable(),
  open_conflicts: z.int(),
  open_dead_letters: z.int(),
  enrolled_at: at,
  /** Counts what people changed. */
  version: z.int(),
})
export type DeviceItem = z.output<typeof deviceItemSchema>

export const deviceEventSchema = z.object({
  id: z.int(),
  at,
  kind: z.enum(['transition', 'error', 'dropped']),
  code: z.string(),
  detail: z.string(),
})
export type DeviceEvent = z.output<typeof deviceEventSchema>

export const deviceDetailSchema = deviceItemSchema.extend({
  /** For If-Match. */
  etag: z.string(),
  schema_version: z.int(),
  /**
   * Tables of which the device has another schema than the server. `unsupported`: its changes wait as dead letters, for
   * an upcast or for the server's own update.
   */
  schemas: z.array(
    z.object({
      table: z.string(),
      version: z.int(),
      server_version: z.int(),
      state: z.enum(['brought_up', 'ahead', 'unsupported']),
    }),
  ),
  /** It loads everything just now, or waits for its turn. */
  full_sync: z.object({ state: z.enum(['loading', 'waiting']), since: at, ahead: z.int() }).nullable(),
  created_at: at,
  revoked_at: at.nullable(),
  /** An admin asked for a resync, and the device has not come for it yet. */
  resync_reason: z.string().nullable(),
  enrollment_key: z.object({ id: uuid, name: z.string() }).nullable(),
  /** Lives of the device's store, the newest first. */
  incarnations: z.array(
    z.object({
      incarnation: uuid,
      is_current: z.boolean(),
      last_seq: z.int(),
      /** Operations that were refused for now and are awaited again. */
      holes: z.int(),
      created_at: at,
    }),
  ),
  /** How far the device has acknowledged each scope's feed. */
  positions: z.array(
    z.object({
      scope: z.string(),
      acknowledged_seq: z.int().nullable(),
      head_seq: z.int(),
      behind: z.int(),
      /** The log no longer reaches back so far: the device has to load everything. */
      is_expired: z.boolean(),
    }),
  ),
  /** What the device reported, the newest first, 100 of each kind at most. */
  transitions: z.array(deviceEventSchema),
  errors: z.array(deviceEventSchema),
})
export type DeviceDetail = z.output<typeof deviceDetailSchema>

export const deviceSorts = [
  'name',
  'state',
  'lag',
  'pending',
  'skew',
  'last_sync',
  'platform',
  'app_version',
] as const
export type DeviceSort = (typeof deviceSorts)[number]

/** `a,b` as a list of known words. */
function oneOrMore<const Word extends string>(words: readonly Word[]) {
  return z.preprocess(
    (value) => (typeof value === 'string' ? value.split(',').filter((word) => word !== '') : value),
    z.array(z.enum(words)).optional(),
  )
}

export const deviceQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().max(4_000).optional(),
  /** A sort's name; with `-` before it, the other way round. */
  sort: z.enum([...deviceSorts, ...deviceSorts.map((sort) => `-${sort}` as const)]).default('name'),
  state: oneOrMore(healthStates),
  status: oneOrMore(deviceStatuses),
  activity: z.enum(['active', 'syncing']).optional(),
  scope: scope.optional(),
  app_version: z.string().max(100).optional(),
  platform: z.string().max(100).optional(),
  /** Part of the name, or the beginning of the id. */
  q: z.string().max(200).optional(),
})
export type DeviceQuery = z.input<typeof deviceQuerySchema>
export type ParsedDeviceQuery = z.output<typeof deviceQuerySchema>

export const deviceReasonSchema = z.object({ reason: z.string().trim().max(1_000).default('') })

export const setScopesSchema = z.object({
  scopes: z.array(scope).max(1_000),
  reason: z.string().trim().max(1_000).default(''),
})
export type SetScopes = z.input<typeof setScopesSchema>
