import { z } from 'zod'
import { AppError } from '#lib/protocol/errors.ts'
import { limits } from '#lib/protocol/sync.ts'
import { spanAttributes, withSpan } from '#lib/telemetry/trace.ts'
import type { AuthenticatedDevice } from '../devices/authenticate.ts'
import { openCursor, sealCursor } from './cursor.ts'
import type { Engine } from './engine.ts'
import { serverEngine } from './server-engine.ts'
import { chainPrefix, writeToken } from './token.ts'

const cursorSchema = z.object({
  epoch: z.string(),
  /** The feed's position at the first page: [scope, seq, chain prefix], in the order in which scopes are read. */
  pins: z.array(z.tuple([z.string(), z.number(), z.string()])),
  /** Index of the scope being read, and the last record told of it. */
  at: z.tuple([z.number(), z.string(), z.string()]),
})
type Cursor = z.output<typeof cursorSchema>

export type SnapshotQuery = {
  cursor?: string | undefined
  scope?: string | undefined
  limit?: number | undefined
}

const nil = '00000000-0000-0000-0000-000000000000'
const itemsPerPage = 1_000

/**
 * A page of everything the device may have, as JSON text. All pages show the state at the first one's position in the
 * feed; the last brings the token that goes on from there.
 * @throws AppError `forbidden` for a scope that was not granted, `cursor_expired` for a cursor of another history
 */
export function snapshotPage(
  device: AuthenticatedDevice,
  query: SnapshotQuery,
  engine: Engine = serverEngine(),
): Promise<string> {
  return withSpan('sync.snapshot', { [spanAttributes.deviceId]: device.id }, async (span) => {
    const epoch = await engine.store.epoch()
    const cursor = query.cursor
      ? readCursor(query.cursor, epoch, engine.secret())
      : await firstCursor(engine, device, query.scope, epoch)
    if (cursor.pins.some(([scope]) => !device.scopes.includes(scope))) {
      throw new AppError('cursor_expired', 'The grants of this device changed. Begin the full sync again.')
    }
    const [index, afterTable, afterId] = cursor.at
    const [scope, pin] = cursor.pins[index] ?? ['', 0]
    const page = await engine.store.snapshotPage({
      scope,
      pin,
      afterTable,
      afterId,
      maxItems: Math.min(query.limit ?? itemsPerPage, limits.max_pull),
    })
    if (page.is_expired) {
      throw new AppError(
        'cursor_expired',
        'This full sync took longer than the server remembers. Begin it again.',
      )
    }
    span.setAttribute(spanAttributes.pulled, page.delivered)
    const next: Cursor['at'] | null = page.has_more
      ? [index, page.last_table ?? '', page.last_id ?? nil]
      : index + 1 < cursor.pins.length
        ? [index + 1, '', nil]
        : null
    const tail = next
      ? `"next_cursor":${JSON.stringify(sealCursor({ ...cursor, at: next }, engine.secret()))}`
      : `"next_cursor":null,"sync_token":${JSON.stringify(tokenAt(cursor, engine.secret()))},` +
        // What was settled before the pin comes through no feed any more.
        `"open_conflicts":${JSON.stringify(await engine.store.openConflicts(device.id))}`
    return `{"epoch":"${epoch}","items":[${page.items}],${tail}}`
  })
}

/** Whether a page, as its text, is the last of its full sync. */
export function isLastPage(text: string): boolean {
  // After the items, so whatever they hold, the last one is the page's own.
  return text.startsWith('"next_cursor":null', text.lastIndexOf('"next_cursor":'))
}

async function firstCursor(
  { store }: Engine,
  device: AuthenticatedDevice,
  scope: string | undefined,
  epoch: string,
): Promise<Cursor> {
  if (scope !== undefined && !device.scopes.includes(scope)) {
    throw new AppError('forbidden', `This device has no grant for scope "${scope}".`)
  }
  const scopes = scope === undefined ? device.scopes.toSorted() : [scope]
  const positions = await store.feedPositions(scopes)
  if (device.resyncReason) await store.clearResyncReason(device.id)
  return {
    epoch,
    pins: scopes.map((name) => [name, positions[name]?.seq ?? 0, chainPrefix(positions[name]?.chain ?? '')]),
    at: [0, '', nil],
  }
}

function readCursor(text: string, epoch: string, secret: string): Cursor {
  const cursor = cursorSchema.safeParse(openCursor(text, secret))
  if (!cursor.success || cursor.data.epoch !== epoch) {
    throw new AppError(
      'cursor_expired',
      'This cursor is of no use here. Begin the full sync again, without a cursor.',
    )
  }
  return cursor.data
}

function tokenAt({ epoch, pins }: Cursor, secret: string): string {
  const positions = new Map(pins.map(([scope, seq]) => [scope, seq]))
  const chains = new Map(pins.flatMap(([scope, seq, chain]) => (seq > 0 ? [[scope, chain] as const] : [])))
  return writeToken({ epoch, positions, chains, leaving: new Map(), issuedAt: null }, secret)
}
