import type { ApiRequest } from '../http/api-request.ts'
import { coalesce } from './coalesce.ts'
import { eventStream, lastEventMs, type StreamDoor } from './events.ts'
import { listener } from './listener.ts'
import { recentChanges } from './recent.ts'

/** At most one poke for a scope in this time: a device pulls everything there is at once. */
const restMs = 500

/**
 * Pokes for one device (protocol.md): `event: poke`, `data: {"scope": …}` when something new waits in a scope of
 * its own. A poke is a hint; a device that missed one finds the change at its next sync.
 */
export function deviceStream(
  device: { scopes: readonly string[] },
  request: ApiRequest,
  door: StreamDoor,
): Response {
  return eventStream(request.signal, 'device', door, (send) => {
    const own = new Set(device.scopes)
    const pokes = coalesce<string>(restMs, (scopes) => {
      for (const scope of scopes)
        send({ event: 'poke', id: String(Date.now()), data: JSON.stringify({ scope }) })
    })
    const recent = recentChanges()
    const unsubscribe = listener().subscribe(({ scopes }) =>
      pokes.add(scopes === '*' ? own : scopes.filter((scope) => own.has(scope))),
    )
    const since = lastEventMs(request)
    if (since !== null) pokes.add(recent.scopesSince(since, device.scopes))
    return () => {
      unsubscribe()
      pokes.stop()
    }
  })
}
