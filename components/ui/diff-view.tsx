import { isCrdt } from '#lib/core/crdt/types.ts'
import type { Json } from '#lib/core/json.ts'
import { jsonText } from './json-value.tsx'
import { plural } from './quantity.ts'
import type { FieldChange } from '#lib/protocol/console.ts'

/** Differences as a list: what it was, what it is. Marked by − and + as well as by colour. */
export function DiffView({ differences, label }: { differences: readonly FieldChange[]; label: string }) {
  if (differences.length === 0) return <p className="text-faint">No difference.</p>
  return (
    <ul
      aria-label={`${label}: ${plural(differences.length, 'difference')}`}
      className="flex flex-col gap-2 font-mono text-12"
    >
      {differences.map((difference) => (
        <li key={difference.path} className="min-w-0">
          <p className="mb-0.5 text-muted">{difference.path || '(whole value)'}</p>
          <DiffSide sign="−" value={difference.before} className="bg-crit-soft text-crit" />
          <DiffSide sign="+" value={difference.after} className="bg-ok-soft text-ok" />
        </li>
      ))}
    </ul>
  )
}

function DiffSide({ sign, value, className }: { sign: string; value: Json | undefined; className: string }) {
  if (value === undefined) return null
  return (
    <p className={`flex gap-2 rounded-sm px-1.5 py-0.5 ${className}`}>
      <span aria-label={sign === '+' ? 'after' : 'before'}>{sign}</span>
      <span className="min-w-0 break-words whitespace-pre-wrap">
        {isCrdt(value) ? jsonText(value) : JSON.stringify(value, null, 2)}
      </span>
    </p>
  )
}
