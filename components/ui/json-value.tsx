import { clsx } from 'clsx'
import { crdtTypeOf, crdtValue, isCrdt } from '#lib/core/crdt/types.ts'
import type { Json } from '#lib/core/json.ts'

/**
 * A field's value on one line of thought: strings as they are, the rest as JSON, absence in words.
 * `bare`: a CRDT without its type, where that stands beside it.
 */
export function JsonValue({
  value,
  whole = false,
  bare = false,
  className,
}: {
  value: Json | undefined
  whole?: boolean
  bare?: boolean
  className?: string
}) {
  if (value === undefined) return <span className={clsx('text-faint italic', className)}>absent</span>
  if (value === null) return <span className={clsx('text-faint italic', className)}>null</span>
  const said = bare && isCrdt(value) ? (crdtValue(value) ?? value) : value
  const text = typeof said === 'string' ? said : jsonText(said)
  const raw = isCrdt(value) ? JSON.stringify(value).slice(0, 2_000) : undefined
  if (text === '') return <span className={clsx('text-faint italic', className)}>empty text</span>
  return (
    <span
      title={raw}
      className={clsx(
        'font-mono text-12 leading-[18px] break-words whitespace-pre-wrap',
        !whole && 'line-clamp-3',
        className,
      )}
    >
      {text}
    </span>
  )
}

/** On one line while it is short enough to be read there; a CRDT by what it says, and its type. */
export function jsonText(value: Json): string {
  if (isCrdt(value)) {
    const said = crdtValue(value)
    if (said !== undefined)
      return `${typeof said === 'string' ? said : jsonText(said)} (${crdtTypeOf(value)})`
  }
  const line = JSON.stringify(value, null, 1).replace(/\n\s*/g, ' ')
  return line.length <= 60 ? line : JSON.stringify(value, null, 1)
}
