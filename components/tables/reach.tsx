import { Panel } from '#components/ui/panel.tsx'
import { formatCount, plural } from '#components/ui/quantity.ts'
import { StateMark } from '#components/ui/state-mark.tsx'
import { Time } from '#components/ui/time.tsx'
import type { TableReach } from '#lib/protocol/tables.ts'
import { Link } from '#components/ui/link.tsx'

const head = 'h-8 px-2 text-12 font-medium text-faint first:pl-4 last:pr-4'
const cell = 'h-9 border-t border-line px-2 first:pl-4 last:pr-4'

/** How far back the feeds of its scopes reach: since when, from which commit, and who is too far back for that. */
export function Reach({ reach, retentionDays }: { reach: TableReach; retentionDays: number }) {
  const { items, scopes } = reach
  return (
    <Panel title="How far back its feeds reach" aside={plural(scopes, 'scope')} flush className="@container">
      <p className="px-4 py-3 text-muted">
        {scopes === 0 ? 'It has no records yet.' : <Summary {...reach} />}
      </p>
      {items.length === 0 ? null : (
        <div className="relative overflow-x-auto">
          <table aria-label="How far back its feeds reach" className="w-full table-fixed">
            <thead className="bg-sunken text-right">
              <tr>
                <th scope="col" className={`${head} text-left`}>
                  Scope
                </th>
                <th scope="col" className={`${head} w-36 text-left phone:w-28`}>
                  Since
                </th>
                <th scope="col" className={`${head} w-36 phone:hidden`}>
                  min_seq to head
                </th>
                <th scope="col" className={`${head} w-28 @max-[40rem]:hidden`}>
                  Compacted
                </th>
                <th scope="col" className={`${head} w-32 phone:w-24`}>
                  Too far back
                </th>
              </tr>
            </thead>
            <tbody className="text-right tabular-nums">
              {items.map((item) => (
                <tr key={item.scope}>
                  <th scope="row" className={`${cell} truncate text-left font-normal`} title={item.scope}>
                    <Link href={`/devices?scope=${encodeURIComponent(item.scope)}`} className="row-link">
                      {item.scope}
                    </Link>
                  </th>
                  <td className={`${cell} truncate text-left`}>
                    {item.min_seq === 0 ? (
                      'its beginning'
                    ) : item.begins_at ? (
                      <Time at={item.begins_at} />
                    ) : (
                      'nothing since'
                    )}
                  </td>
                  <td className={`${cell} phone:hidden`}>
                    {formatCount(item.min_seq)} <span className="text-faint">to</span>{' '}
                    {formatCount(item.head_seq)}
                  </td>
                  <td className={`${cell} @max-[40rem]:hidden`}>
                    {item.compacted_at ? (
                      <Time at={item.compacted_at} />
                    ) : (
                      <span className="text-faint">never</span>
                    )}
                  </td>
                  <td className={cell}>
                    {item.behind === 0 ? (
                      <span className="text-faint">–</span>
                    ) : (
                      <StateMark state="warning" word={plural(item.behind, 'device')} />
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p className="border-t border-line px-4 py-3 text-12 text-faint">
        {items.length < scopes ? `The other ${plural(scopes - items.length, 'scope')} are not shown. ` : ''}
        This table asks for {plural(retentionDays, 'day')}; a scope keeps as long as the most patient of its
        tables asks. Below the mark the last state of each record stays.
      </p>
    </Panel>
  )
}

function Summary({ scopes, compacted, behind, last_compacted_at: last }: TableReach) {
  if (compacted === 0 || last === null)
    return 'Nothing was compacted yet: every feed reaches back to its beginning.'
  return (
    <>
      {compacted === scopes
        ? `${scopes === 1 ? 'It was' : 'All were'} compacted`
        : `${formatCount(compacted)} of ${formatCount(scopes)} were compacted`}
      , last <Time at={last} />.{' '}
      {behind === 0
        ? 'No device is too far back.'
        : `${plural(behind, 'device is', 'devices are')} too far back for a delta and will load everything.`}
    </>
  )
}
