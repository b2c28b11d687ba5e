import { authorise, type Actor } from '../actor.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { coalesce } from './coalesce.ts'
import { eventStream, lastEventMs, type StreamDoor } from './events.ts'
import { listener } from './listener.ts'
import { changeKinds, type ChangeKind } from './notify.ts'
import { recentChanges } from './recent.ts'

/** At most one event in this time: a page refreshes once, whatever happens meanwhile. */
const restMs = 500

/**
 * What changed, for the console's pages: `event: change` with `{"topics": [...]}`, at most two a second. It names
 * kinds of things and carries none: pages fetch what they show, with their own rights.
 *
 * The id of an event is a moment. Whoever comes back with Last-Event-ID is told at once what changed since.
 */
export function consoleStream(actor: Actor, request: ApiRequest, door: StreamDoor): Response {
  authorise(actor, 'viewer')
  return eventStream(request.signal, 'console', door, (send) => {
    const topics = coalesce<ChangeKind>(restMs, (kinds) =>
      send({ event: 'change', id: String(Date.now()), data: JSON.stringify({ topics: kinds }) }),
    )
    const recent = recentChanges()
    const unsubscribe = listener().subscribe(({ kinds, missed }) => topics.add(missed ? changeKinds : kinds))
    const since = lastEventMs(request)
    if (since !== null) topics.add(recent.kindsSince(since))
    return () => {
      unsubscribe()
      topics.stop()
    }
  })
}
