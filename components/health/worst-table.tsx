import { Panel } from '#components/ui/panel.tsx'
import { formatCount, formatRatio, formatSeconds } from '#components/ui/quantity.ts'
import type { WorstItem } from '#lib/protocol/health.ts'
import { Link } from '#components/ui/link.tsx'

type WorstTableProps = {
  title: string
  noun: string
  items: readonly WorstItem[]
  /** The query that lists the syncs of one of them. */
  filter: 'scope' | 'table' | 'app_version'
}

const head = 'h-8 px-2 text-12 font-medium text-faint first:pl-4 last:pr-4'
const cell = 'h-9 border-t border-line px-2 first:pl-4 last:pr-4'

/** Where it goes worst: of each, the ones with the highest rates. */
export function WorstTable({ title, noun, items, filter }: WorstTableProps) {
  // A device lags in its scopes, not in a table: a column of dashes would only take the names' room.
  const hasLag = items.some((item) => item.lag_p95_seconds !== null)
  return (
    <Panel title={title} flush className="@container">
      {items.length === 0 ? (
        <p className="px-4 py-6 text-center text-faint">Nothing was synced in this range.</p>
      ) : (
        <table aria-label={title} className="w-full table-fixed">
          <thead className="bg-sunken text-right">
            <tr>
              <th scope="col" className={`${head} text-left`}>
                {noun}
              </th>
              <th scope="col" className={`${head} w-16 @max-[23rem]:hidden`}>
                Syncs
              </th>
              <th scope="col" className={`${head} w-16`}>
                Failed
              </th>
              <th scope="col" className={`${head} w-19`}>
                Conflicts
              </th>
              {hasLag ? (
                <th scope="col" className={`${head} w-20`}>
                  Lag p95
                </th>
              ) : null}
            </tr>
          </thead>
          <tbody className="text-right">
            {items.map((item) => (
              <tr key={item.key} className="hover:bg-hover">
                <th scope="row" className={`${cell} truncate text-left font-normal`}>
                  <Link
                    title={item.key}
                    href={`/syncs?${filter}=${encodeURIComponent(item.key)}`}
                    className="row-link"
                  >
                    {item.key || 'not said'}
                  </Link>
                </th>
                <td className={`${cell} @max-[23rem]:hidden`}>{formatCount(item.attempts)}</td>
                <td className={cell}>{rate(item.failure_rate)}</td>
                <td className={cell}>{rate(item.conflict_rate)}</td>
                {hasLag ? (
                  <td className={cell}>
                    {item.lag_p95_seconds === null ? '–' : formatSeconds(item.lag_p95_seconds)}
                  </td>
                ) : null}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  )
}

function rate(value: number | null) {
  if (value === null) return '–'
  return value === 0 ? <span className="text-faint">0 %</span> : formatRatio(value)
}
