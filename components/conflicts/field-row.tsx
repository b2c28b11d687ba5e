'use client'

import { clsx } from 'clsx'
import { useEffect, useRef, useState } from 'react'
import { Badge } from '#components/ui/badge.tsx'
import { StateShape } from '#components/ui/state-mark.tsx'
import { crdtTypeOf, isCrdt } from '#lib/core/crdt/types.ts'
import type { Json } from '#lib/core/json.ts'
import type { FieldView } from '#lib/protocol/console.ts'
import { contributions } from './contribution.ts'
import { FieldResult } from './field-result.tsx'
import { isPickable, pickedValue, pickOf, type Pick, type Picks } from './picks.ts'
import { SideValue } from './side-value.tsx'
import { ValueEditor } from './value-editor.tsx'

const sides = [
  { from: 'base', word: 'the base', label: 'Base' },
  { from: 'client', word: 'theirs', label: 'Theirs' },
  { from: 'server', word: 'ours', label: 'Ours' },
] as const

const kindWords: Record<Exclude<FieldView['kind'], 'joined'>, string> = {
  clash: 'both changed',
  client: 'they changed',
  server: 'we changed',
  merged: 'both changed, merged',
  same: 'same',
  unchanged: 'unchanged',
}

type FieldRowProps = {
  field: FieldView
  active: boolean
  undecided: boolean
  moved: boolean
  picks: Picks
  readOnly: boolean
  onActivate: () => void
  onPick: (pick: Pick) => void
}

export function FieldRow({
  field,
  active,
  undecided,
  moved,
  picks,
  readOnly,
  onActivate,
  onPick,
}: FieldRowProps) {
  const row = useRef<HTMLTableRowElement>(null)
  const [editing, setEditing] = useState(false)
  const pick = pickOf(field, picks)
  const pickable = !readOnly && isPickable(field)
  const name = field.path === '' ? 'the whole record' : field.path

  useEffect(() => {
    if (active) row.current?.scrollIntoView({ block: 'nearest' })
  }, [active])

  const hasResult = editing || pick?.from === 'edit' || field.merged !== undefined
  const wash = active && 'bg-accent-soft'
  const cell = clsx(
    'px-1 py-1 align-top phone:px-3',
    !hasResult && 'border-b border-line phone:border-0',
    wash,
  )
  return (
    <>
      <tr
        ref={row}
        data-path={field.path}
        aria-current={active ? 'true' : undefined}
        onPointerDown={onActivate}
        className={clsx(
          'phone:grid phone:grid-cols-[minmax(0,1fr)_auto]',
          !hasResult && 'phone:border-b phone:border-line',
          wash,
        )}
      >
        <th
          scope="row"
          className={clsx(
            cell,
            'py-2 pl-4 text-left font-normal phone:pl-4',
            active && 'shadow-[inset_2px_0_0_var(--accent)]',
          )}
        >
          <span className="block font-mono text-12 break-words">{field.path || 'whole record'}</span>
          <span
            className={clsx('mt-0.5 flex items-center gap-1 text-12', undecided ? 'text-warn' : 'text-faint')}
          >
            {undecided ? <StateShape state="warning" className="scale-80" /> : null}
            {undecided ? 'decide' : kindOf(field)}
          </span>
          {moved ? <Badge className="mt-1">changed just now</Badge> : null}
        </th>
        {sides.map(({ from, word, label }) => (
          <td key={from} className={clsx(cell, 'phone:order-1 phone:col-span-2 phone:flex phone:py-0.5')}>
            <span aria-hidden className="hidden w-14 shrink-0 py-2 pl-1 text-12 text-faint phone:block">
              {label}
            </span>
            <SideValue
              says={pickable ? `Take ${word} for ${name}: ` : `${word}: `}
              value={field[from]}
              picked={pick?.from === from}
              whole={active}
              changed={from !== 'base' && (isChangedByBoth(field) || field.kind === from)}
              adds={field.kind === 'joined' && from !== 'base' ? contributions(field.base, field[from]) : []}
              deleted={field.segments.length === 0}
              onPick={pickable ? () => onPick({ from }) : undefined}
            />
          </td>
        ))}
        <td className={clsx(cell, 'pr-4 text-right')}>
          {pickable ? (
            <button
              type="button"
              data-edit
              aria-label={`Edit the value of ${name}`}
              aria-pressed={pick?.from === 'edit'}
              onClick={() => setEditing(!editing)}
              className="pressable h-7 rounded-md px-2 text-12 text-muted hover:bg-hover hover:text-ink aria-pressed:bg-accent-soft aria-pressed:text-accent"
            >
              Edit
            </button>
          ) : null}
        </td>
      </tr>
      {hasResult ? (
        <tr className="phone:block" onPointerDown={onActivate}>
          <td
            colSpan={5}
            className={clsx(
              'border-b border-line pt-0.5 pr-4 pb-2 pl-41 phone:block phone:px-3',
              active && 'bg-accent-soft shadow-[inset_2px_0_0_var(--accent)]',
            )}
          >
            {editing ? (
              <ValueEditor
                name={name}
                value={pick ? pickedValue(field, pick) : (field.client ?? field.server)}
                onCancel={() => setEditing(false)}
                onSave={(value: Json | undefined) => {
                  setEditing(false)
                  onPick({ from: 'edit', value })
                }}
              />
            ) : (
              <FieldResult field={field} pick={pick} onPick={readOnly ? undefined : onPick} />
            )}
          </td>
        </tr>
      ) : null}
    </>
  )
}

/** How the sides differ; of a CRDT its type, because that says how they join. */
function kindOf(field: FieldView): string {
  if (field.kind !== 'joined') return kindWords[field.kind]
  const state = field.merged
  return (isCrdt(state) && crdtTypeOf(state)) || 'CRDT'
}

function isChangedByBoth({ kind }: FieldView): boolean {
  return kind === 'clash' || kind === 'merged'
}
