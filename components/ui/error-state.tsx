'use client'

import { Button } from './button.tsx'
import { ShortId } from './short-id.tsx'
import { StateShape } from './state-mark.tsx'

type ErrorStateProps = {
  title?: string
  /** What happened and what was not lost. */
  detail?: string
  traceId?: string | undefined
  onRetry: () => void
}

export function ErrorState({
  title = 'This page could not be loaded',
  detail = 'Nothing was changed. The server kept what devices sent it; only this view failed.',
  traceId,
  onRetry,
}: ErrorStateProps) {
  return (
    <div role="alert" className="mx-auto flex max-w-110 flex-col items-center gap-1 px-6 py-20 text-center">
      <h1 className="flex items-center gap-2 text-14 font-medium">
        <StateShape state="critical" />
        {title}
      </h1>
      <p className="text-muted text-balance">{detail}</p>
      {traceId ? (
        <p className="mt-1 flex items-center gap-1.5 text-faint">
          Trace <ShortId id={traceId} label="trace id" />
        </p>
      ) : null}
      <Button className="mt-3" onClick={onRetry}>
        Try again
      </Button>
    </div>
  )
}
