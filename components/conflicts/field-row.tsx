'use client'

import { clsx } from 'clsx'
import { useEffect, useRef, useState } from 'react'
import { Badge } from '#components/ui/badge.tsx'
import { Icon } from '#components/ui/icon.tsx'
import { StateShape } from '#components/ui/state-mark.tsx'
import type { Json } from '#lib/core/json.ts'
import type { FieldView } from '#lib/protocol/console.ts'
import { contributions } from './contribution.ts'
import { FieldResult } from './field-result.tsx'
import { isPickable, pickedValue, pickOf, type Pick, type Picks } from './picks.ts'
import { JsonValue } from '#components/ui/json-value.tsx'
import { ValueEditor } from './value-editor.tsx'

const sides = [
  { from: 'base', word: 'the base' },
  { from: 'client', word: 'theirs' },
  { from: 'server', word: 'ours' },
] as const

const kindWords = {
  clash: 'both changed',
  client: 'they changed',
  server: 'we changed',
  joined: 'joined',
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

  const cell = clsx('border-b border-line px-1 py-1 align-top', active && 'bg-accent-soft')
  return (
    <>
      <tr
        ref={row}
        data-path={field.path}
        aria-current={active ? 'true' : undefined}
        onPointerDown={onActivate}
      >
        <th
          scope="row"
          className={clsx(
            cell,
            'py-2 pl-4 text-left font-normal',
            active && 'shadow-[inset_2px_0_0_var(--accent)]',
          )}
        >
          <span className="block font-mono text-12 break-words">{field.path || 'whole record'}</span>
          <span
            className={clsx('mt-0.5 flex items-center gap-1 text-12', undecided ? 'text-warn' : 'text-faint')}
          >
            {undecided ? <StateShape state="warning" className="scale-80" /> : null}
            {undecided ? 'decide' : kindWords[field.kind]}
          </span>
          {moved ? <Badge className="mt-1">changed just now</Badge> : null}
        </th>
        {sides.map(({ from, word }) => (
          <td key={from} className={cell}>
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
      {editing || pick?.from === 'edit' || field.merged !== undefined ? (
        <tr>
          <td colSpan={5} className="border-b border-line py-2 pr-4 pl-44">
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

function isChangedByBoth({ kind }: FieldView): boolean {
  return kind === 'clash' || kind === 'merged'
}

type SideValueProps = {
  says: string
  value: Json | undefined
  picked: boolean
  whole: boolean
  changed: boolean
  /** What the side added, in words. */
  adds: readonly string[]
  deleted: boolean
  onPick: (() => void) | undefined
}

function SideValue({ says, value, picked, whole, changed, adds, deleted, onPick }: SideValueProps) {
  const words =
    deleted && (value === null || value === undefined) ? (
      <span className="text-crit">deleted</span>
    ) : (
      <>
        <JsonValue value={value} whole={whole} className={changed || picked ? 'text-ink' : 'text-faint'} />
        {adds.map((words) => (
          <span key={words} className="block text-12 break-words text-ok">
            {words}
          </span>
        ))}
      </>
    )
  const look = clsx(
    'flex min-h-8 w-full items-start gap-1.5 rounded-md border px-2 py-1.5 text-left',
    picked ? 'border-accent bg-surface' : 'border-transparent',
  )
  const mark = (
    <Icon
      name="check"
      width={14}
      height={14}
      className={clsx('mt-0.5 shrink-0 text-accent', !picked && 'invisible')}
    />
  )
  if (!onPick) {
    return (
      <span className={look}>
        {mark}
        <span className="sr-only">{says}</span>
        <span className="min-w-0 flex-1">{words}</span>
      </span>
    )
  }
  return (
    <button
      type="button"
      aria-pressed={picked}
      onClick={onPick}
      className={clsx(look, 'pressable hover:border-line-strong hover:bg-surface')}
    >
      {mark}
      <span className="min-w-0 flex-1">
        <span className="sr-only">{says}</span>
        {words}
      </span>
    </button>
  )
}
