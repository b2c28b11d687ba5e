import { Panel } from '#components/ui/panel.tsx'
import { Time } from '#components/ui/time.tsx'
import type { DeviceEvent } from '#lib/protocol/devices.ts'

/** What a device reported about itself, newest first. */
export function EventLog({
  title,
  events,
  empty,
}: {
  title: string
  events: readonly DeviceEvent[]
  empty: string
}) {
  return (
    <Panel title={title} aside={events.length > 0 ? `last ${events.length}` : ''} flush>
      {events.length === 0 ? (
        <p className="px-4 py-6 text-center text-faint">{empty}</p>
      ) : (
        <ol className="relative max-h-80 overflow-y-auto" tabIndex={0} aria-label={title}>
          {events.map((event) => (
            <li
              key={event.id}
              className="flex items-baseline gap-3 border-b border-line px-4 py-1.5 last:border-0"
            >
              <span className="min-w-0 flex-1 break-words">
                <span className="font-mono text-12">{event.code}</span>{' '}
                <span className="text-12 text-faint">{event.detail}</span>
              </span>
              <Time at={event.at} className="shrink-0 text-12 text-faint" />
            </li>
          ))}
        </ol>
      )}
    </Panel>
  )
}
