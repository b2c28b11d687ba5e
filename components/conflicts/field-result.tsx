import { clsx } from 'clsx'
import type { ReactNode } from 'react'
import { Icon } from '#components/ui/icon.tsx'
import { JsonValue } from '#components/ui/json-value.tsx'
import { Kbd } from '#components/ui/kbd.tsx'
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
  const merged = <JsonValue value={field.merged} whole bare />
  const isMergeTaken = pick?.from === 'merged'
  return (
    <div className="flex flex-col gap-1">
      {field.kind === 'joined' ? (
        // Nobody picks it, so it does not look picked.
        <p className="flex items-start gap-2 py-1 pr-2 pl-[31px]">
          <span className="text-muted">Joined:</span>
          <span className="min-w-0">{merged}</span>
        </p>
      ) : null}
      {field.kind === 'merged' ? (
        <button
          type="button"
          aria-pressed={isMergeTaken}
          disabled={!onPick}
          onClick={() => onPick?.({ from: 'merged' })}
          className="pressable text-left"
        >
          <span className="sr-only">Take both, merged, for {field.path}: </span>
          <Line taken={isMergeTaken} word="Merged:" hint={onPick ? '3' : undefined}>
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

type LineProps = { taken: boolean; word: string; hint?: string | undefined; children: ReactNode }

function Line({ taken, word, hint, children }: LineProps) {
  return (
    <span
      className={clsx(
        'flex items-start gap-2 rounded-md border px-2 py-1',
        taken ? 'border-accent bg-surface' : 'border-transparent hover:border-line-strong',
      )}
    >
      <Icon
        name="check"
        width={14}
        height={14}
        className={clsx('mt-0.5 shrink-0 text-accent', !taken && 'invisible')}
      />
      <span className="text-muted">{word}</span>
      <span className="min-w-0 flex-1">{children}</span>
      {hint ? (
        <span aria-hidden className="phone:hidden">
          <Kbd>{hint}</Kbd>
        </span>
      ) : null}
    </span>
  )
}
