import { clsx } from 'clsx'
import { Icon } from '#components/ui/icon.tsx'
import { JsonValue } from '#components/ui/json-value.tsx'
import type { Json } from '#lib/core/json.ts'

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

/** A field as one side has it: a button where it can be taken. */
export function SideValue({ says, value, picked, whole, changed, adds, deleted, onPick }: SideValueProps) {
  const words =
    deleted && (value === null || value === undefined) ? (
      <span className="text-crit">deleted</span>
    ) : (
      <>
        <JsonValue
          value={value}
          whole={whole}
          bare
          className={changed || picked ? 'text-ink' : 'text-faint'}
        />
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
