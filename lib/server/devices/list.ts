import { z } from 'zod'
import { deviceQuerySchema, type DeviceItem, type DeviceQuery } from '#lib/protocol/devices.ts'
import { instant } from '#lib/protocol/instant.ts'
import { uuid } from '#lib/protocol/sync.ts'
import { authorise, type Actor } from '../actor.ts'
import { healthThresholds } from '../health/thresholds.ts'
import { decodeCursor, encodeCursor, type Page } from '../list/page.ts'
import { toDeviceItem } from './item.ts'
import { selectDevices, sortTypeOf, type SortType } from './list-store.ts'
import { flushSyncRecords } from '../syncs/record.ts'

/** The text of a sort's value, of each type. */
const sortValues: Record<SortType, z.ZodType<string>> = {
  text: z.string(),
  bigint: z.string().regex(/^\d{1,18}$/),
  timestamptz: z.literal('-infinity').or(instant),
}

/** Devices with their health, filtered and sorted; the total is exact. */
export async function listDevices(actor: Actor, query: DeviceQuery): Promise<Page<DeviceItem>> {
  authorise(actor, 'viewer')
  await flushSyncRecords()
  const parsed = deviceQuerySchema.parse(query)
  const after = decodeCursor(
    parsed.cursor,
    z.tuple([z.literal(parsed.sort), sortValues[sortTypeOf(parsed.sort)], uuid]),
  )
  const view = { now: new Date(), limits: await healthThresholds() }
  const { rows, total } = await selectDevices(parsed, view, after && { value: after[1], id: after[2] })
  const last = rows.at(-1)
  return {
    items: rows.map((row) => toDeviceItem(row, view)),
    next_cursor:
      last && rows.length === parsed.limit ? encodeCursor([parsed.sort, last.sort_value, last.id]) : null,
    total,
  }
}
