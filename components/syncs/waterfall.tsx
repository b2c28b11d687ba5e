'use client'

import { clsx } from 'clsx'
import { useMemo, useState } from 'react'
import { JsonValue } from '#components/ui/json-value.tsx'
import { formatMs } from '#components/ui/quantity.ts'
import { StateShape } from '#components/ui/state-mark.tsx'
import type { SyncSpan } from '#lib/protocol/syncs.ts'
import { buildWaterfall } from './span-tree.ts'

/** Where the time of a sync went: one bar per span, on one scale; a span opens to its attributes. */
export function WaterfallView({ spans }: { spans: readonly SyncSpan[] }) {
  const { rows, startMs, lengthMs } = useMemo(() => buildWaterfall(spans), [spans])
  const [open, setOpen] = useState<string>()
  const percent = (ms: number) => `${((ms / lengthMs) * 100).toFixed(3)}%`
  return (
    <div className="pb-1">
      <div aria-hidden className="flex border-b border-line bg-sunken text-12 text-faint">
        <span className="w-56 shrink-0 px-4 py-1 phone:w-36">Span</span>
        <span className="relative h-6 flex-1">
          {[0, 0.25, 0.5, 0.75].map((share) => (
            <span
              key={share}
              className="absolute top-1 border-l border-line pl-1"
              style={{ left: `${share * 100}%` }}
            >
              {formatMs(lengthMs * share)}
            </span>
          ))}
        </span>
        <span className="w-20 shrink-0" />
      </div>
      <ol aria-label="Spans of this sync">
        {rows.map(({ span, depth }) => {
          const isOpen = open === span.id
          return (
            <li key={span.id} className="border-b border-line last:border-0">
              <button
                type="button"
                aria-expanded={isOpen}
                onClick={() => setOpen(isOpen ? undefined : span.id)}
                className="pressable flex h-7 w-full items-center text-left hover:bg-hover focus-visible:outline-offset-[-2px] touch:h-11"
              >
                <span
                  className="flex w-56 shrink-0 items-center gap-1.5 truncate pr-2 font-mono text-12 phone:w-36"
                  style={{ paddingLeft: 16 + depth * 12 }}
                >
                  {span.failed ? <StateShape state="critical" /> : null}
                  <span className="truncate">{span.name}</span>
                  {span.failed ? <span className="sr-only">failed</span> : null}
                </span>
                <span aria-hidden className="relative h-full flex-1">
                  <span
                    className={clsx(
                      'absolute top-2 h-3 min-w-0.5 rounded-[2px]',
                      span.failed ? 'bg-crit-mark' : depth === 0 ? 'opacity-35' : '',
                    )}
                    style={{
                      left: percent(span.offset_ms - startMs),
                      width: percent(span.duration_ms),
                      ...(span.failed ? {} : { background: 'var(--hue-duration)' }),
                    }}
                  />
                </span>
                <span className="w-20 shrink-0 pr-4 text-right text-12 text-muted tabular-nums">
                  {formatMs(span.duration_ms)}
                </span>
              </button>
              {isOpen ? <SpanAttributes span={span} /> : null}
            </li>
          )
        })}
      </ol>
    </div>
  )
}

function SpanAttributes({ span }: { span: SyncSpan }) {
  const entries = Object.entries(span.attributes)
  if (entries.length === 0) return <p className="bg-sunken px-4 py-2 text-12 text-faint">No attributes.</p>
  return (
    <dl className="grid grid-cols-[minmax(160px,max-content)_minmax(0,1fr)] gap-x-4 gap-y-0.5 bg-sunken px-4 py-2">
      {entries.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="font-mono text-12 text-faint">{name}</dt>
          <dd>
            <JsonValue value={value} whole />
          </dd>
        </div>
      ))}
    </dl>
  )
}
