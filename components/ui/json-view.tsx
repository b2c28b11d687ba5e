import { clsx } from 'clsx'

const token = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g

/** A JSON value as text, in two spaces. Rendered as text only: record data is never markup. */
export function JsonView({ value, label, className }: { value: unknown; label: string; className?: string }) {
  return (
    <JsonText
      text={JSON.stringify(value, null, 2) ?? 'absent'}
      label={label}
      {...(className ? { className } : {})}
    />
  )
}

/** JSON (or what was meant to be JSON) as it came, with keys, strings and literals told apart. */
export function JsonText({ text, label, className }: { text: string; label: string; className?: string }) {
  return (
    <pre
      tabIndex={0}
      role="region"
      aria-label={label}
      className={clsx(
        'overflow-auto font-mono text-12 leading-[18px] whitespace-pre-wrap break-words',
        className,
      )}
    >
      {paint(text)}
    </pre>
  )
}

function paint(text: string) {
  const parts = []
  let end = 0
  for (const match of text.matchAll(token)) {
    parts.push(text.slice(end, match.index))
    const [whole, string, colon, literal] = match
    if (string !== undefined && colon !== undefined) {
      parts.push(
        <span key={match.index} className="text-muted">
          {string}
        </span>,
        colon,
      )
    } else {
      const colour = string !== undefined ? 'text-ok' : literal !== undefined ? 'text-warn' : 'text-accent'
      parts.push(
        <span key={match.index} className={colour}>
          {whole}
        </span>,
      )
    }
    end = match.index + whole.length
  }
  parts.push(text.slice(end))
  return parts
}
