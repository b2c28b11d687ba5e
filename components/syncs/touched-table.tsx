import { ShortId } from '#components/ui/short-id.tsx'
import { StateMark, type State } from '#components/ui/state-mark.tsx'
import type { SyncTouch } from '#lib/protocol/syncs.ts'
import { Link } from '#components/ui/link.tsx'

const states: Record<string, State> = {
  applied: 'healthy',
  merged: 'healthy',
  no_change: 'unknown',
  superseded: 'unknown',
  conflict: 'warning',
  manual: 'warning',
  stale_version: 'warning',
  rejected: 'critical',
}

const head = 'h-8 px-2 text-12 font-medium text-faint first:pl-4 last:pr-4'
const cell = 'h-9 border-t border-line px-2 first:pl-4 last:pr-4'

/** What a sync touched, in the order of the log. */
export function TouchedTable({ touched, nothing }: { touched: readonly SyncTouch[]; nothing: string }) {
  if (touched.length === 0) return <p className="px-4 py-6 text-center text-faint">{nothing}</p>
  return (
    <div className="relative overflow-x-auto">
      <table aria-label="What it touched" className="w-full">
        <thead className="bg-sunken text-left">
          <tr>
            {['Outcome', 'Change', 'Table', 'Record', 'Scope', 'Version', ''].map((name) => (
              <th key={name} scope="col" className={head}>
                {name || <span className="sr-only">More</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {touched.map((touch) => (
            <tr key={`${touch.table} ${touch.record_id} ${touch.after_version} ${touch.outcome}`}>
              <td className={cell}>
                <StateMark
                  state={states[touch.outcome] ?? 'unknown'}
                  word={touch.outcome.replaceAll('_', ' ')}
                />
              </td>
              <td className={cell}>{touch.operation.toLowerCase()}</td>
              <td className={cell}>{touch.table}</td>
              <td className={cell}>
                <ShortId id={touch.record_id} label="record id" />
              </td>
              <td className={cell}>{touch.scope}</td>
              <td className={`${cell} tabular-nums`}>
                {touch.before_version === touch.after_version
                  ? `stays ${touch.after_version}`
                  : `${touch.before_version} → ${touch.after_version}`}
              </td>
              <td className={`${cell} text-right`}>
                {touch.conflict_id ? (
                  <Link href={`/conflicts/${touch.conflict_id}`} className="link">
                    Conflict
                  </Link>
                ) : touch.dead_letter_id ? (
                  <Link href={`/dead-letters/${touch.dead_letter_id}`} className="link">
                    Dead letter
                  </Link>
                ) : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
