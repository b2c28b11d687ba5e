import { DeviceLink } from '#components/devices/device-link.tsx'
import { formatCount } from '#components/ui/quantity.ts'
import type { ConflictDetail } from '#lib/protocol/console.ts'

type Entry = ConflictDetail['vector_entries'][number]

const head = 'h-8 px-2 text-12 font-medium text-faint first:pl-4 last:pr-4'
const cell = 'h-9 border-t border-line px-2 first:pl-4 last:pr-4'

/** What each side had seen, device by device: as many of its operations as the state includes. */
export function VectorTable({ entries }: { entries: readonly Entry[] }) {
  return (
    <div className="relative overflow-x-auto">
      <table aria-label="Version vectors" className="w-full">
        <thead className="bg-sunken text-left">
          <tr>
            <th scope="col" className={head}>
              Operations of
            </th>
            <th scope="col" className={`${head} text-right`}>
              in theirs
            </th>
            <th scope="col" className={`${head} text-right`}>
              in ours
            </th>
            <th scope="col" className={head}>
              So
            </th>
          </tr>
        </thead>
        <tbody className="tabular-nums">
          {entries.map((entry) => (
            <tr key={entry.device_id}>
              <td className={cell}>
                <DeviceLink id={entry.device_id} name={entry.device_name} />
              </td>
              <td className={`${cell} text-right`}>{formatCount(entry.client)}</td>
              <td className={`${cell} text-right`}>{formatCount(entry.server)}</td>
              <td className={`${cell} text-muted`}>{relationOf(entry)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function relationOf({ client, server }: Entry): string {
  if (client === server) return 'both had seen the same'
  return client > server ? 'ours had not seen all of it' : 'theirs had not seen all of it'
}
