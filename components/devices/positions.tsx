import { Panel } from '#components/ui/panel.tsx'
import { formatCount } from '#components/ui/quantity.ts'
import { StateMark } from '#components/ui/state-mark.tsx'
import type { DeviceDetail } from '#lib/protocol/devices.ts'
import { Link } from '#components/ui/link.tsx'

/** How far the device has come in each scope it was granted. */
export function Positions({ positions }: { positions: DeviceDetail['positions'] }) {
  return (
    <Panel title="Scopes" aside={positions.length}>
      {positions.length === 0 ? (
        <p className="text-muted">None is granted: the device receives nothing.</p>
      ) : (
        <ul className="flex flex-col gap-1.5">
          {positions.map((position) => (
            <li key={position.scope} className="flex items-baseline gap-2">
              <Link
                href={`/devices?scope=${encodeURIComponent(position.scope)}`}
                className="row-link min-w-0 flex-1 truncate"
              >
                {position.scope}
              </Link>
              {position.behind === 0 ? (
                <StateMark state="healthy" word="up to date" className="text-12 text-muted" />
              ) : (
                <StateMark
                  state="unknown"
                  word={
                    position.is_expired
                      ? 'too old: loads everything'
                      : `${formatCount(position.behind)} behind`
                  }
                  className="text-12 text-muted tabular-nums"
                />
              )}
              <span
                className="w-16 text-right text-12 text-faint tabular-nums"
                title="Acknowledged position in the feed"
              >
                {position.acknowledged_seq === null ? 'never' : formatCount(position.acknowledged_seq)}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
