import { clsx } from 'clsx'
import type { ReactNode } from 'react'
import { Icon } from '#components/ui/icon.tsx'
import { JsonValue } from '#components/ui/json-value.tsx'
import type { FieldView } from '#lib/protocol/console.ts'
import type { Pick } from './picks.ts'

type FieldResultProps = {
  field: FieldView
  pick: Pick | undefined
  /** Absent where nobody may pick. */
  onPick: ((pick: Pick) => void) | undefined
}

/** What becomes of a field where that is neither side's value: both of them together, or what a person wrote. */
export function FieldResult({ field, pick, onPick }: FieldResultProps) {
  const merged = <JsonValue value={field.merged} whole />
  return (
    <div className="flex flex-col gap-1">
      {field.kind === 'joined' ? (
        <Line taken word="Joined:">
          {merged} <span className="text-12 text-faint">both sides stay, whatever is picked elsewhere</span>
        </Line>
      ) : null}
      {field.kind === 'merged' ? (
        <button
          type="button"
          aria-pressed={pick?.from === 'merged'}
          disabled={!onPick}
          onClick={() => onPick?.({ from: 'merged' })}
          className="pressable text-left"
        >
          <span className="sr-only">Take both, merged, for {field.path}: </span>
          <Line taken={pick?.from === 'merged'} word="Merged:">
            {merged}
          </Line>
        </button>
      ) : null}
      {pick?.from === 'edit' ? (
        <Line taken word="Edited:">
          <JsonValue value={pick.value} whole />
        </Line>
      ) : null}
    </div>
  )
}

function Line({ taken, word, children }: { taken: boolean; word: string; children: ReactNode }) {
  return (
    <span
      className={clsx(
        'flex items-start gap-2 rounded-md border px-2 py-1',
        taken ? 'border-accent bg-accent-soft' : 'border-transparent hover:border-line-strong',
      )}
    >
      <Icon
        name="check"
        width={14}
        height={14}
        className={clsx('mt-0.5 shrink-0 text-accent', !taken && 'invisible')}
      />
      <span className="text-muted">{word}</span>
      <span className="min-w-0">{children}</span>
    </span>
  )
}
