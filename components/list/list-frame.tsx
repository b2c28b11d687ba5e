'use client'

import { clsx } from 'clsx'
import { useRouter, useSearchParams, usePathname } from 'next/navigation'
import type { ReactNode } from 'react'
import { Button } from '#components/ui/button.tsx'
import { formatCount } from '#components/ui/quantity.ts'

type ListFrameProps = {
  /** Filters, in one row above the list. */
  filters?: ReactNode
  /** The list is being fetched anew. */
  pending: boolean
  shown: number
  total: number
  nextCursor: string | null
  /** `conflicts`: for "1–50 of 312 conflicts". */
  noun: string
  children: ReactNode
}

const pageSize = 50

/** A list between its filters and its pages. The count is exact; pages follow the keyset, so Back is the way back. */
export function ListFrame({ filters, pending, shown, total, nextCursor, noun, children }: ListFrameProps) {
  const router = useRouter()
  const pathname = usePathname()
  const params = useSearchParams()
  const page = Math.max(1, Number(params.get('page')) || 1)
  const first = (page - 1) * pageSize + 1
  const go = (change: { cursor: string | null; page: number }) => {
    const next = new URLSearchParams(params)
    next.delete('cursor')
    next.delete('page')
    if (change.cursor !== null) {
      next.set('cursor', change.cursor)
      next.set('page', String(change.page))
    }
    router.push(next.size > 0 ? `${pathname}?${next}` : pathname)
  }
  return (
    <div className="flex flex-col gap-3">
      {filters ? <div className="flex flex-wrap items-center gap-2">{filters}</div> : null}
      <div
        aria-busy={pending}
        className={clsx(
          'min-w-0 rounded-lg border border-line bg-surface transition-opacity duration-120',
          pending && 'opacity-60',
        )}
      >
        {children}
      </div>
      <div className="flex min-h-7 items-center gap-2 text-faint">
        <p role="status" className="flex-1 tabular-nums">
          {shown === 0
            ? `${formatCount(total)} ${noun}`
            : `${formatCount(first)}–${formatCount(first + shown - 1)} of ${formatCount(total)} ${noun}`}
        </p>
        {page > 1 ? (
          <Button kind="quiet" onClick={() => go({ cursor: null, page: 1 })}>
            First page
          </Button>
        ) : null}
        {nextCursor === null ? null : (
          <Button onClick={() => go({ cursor: nextCursor, page: page + 1 })}>Next page</Button>
        )}
      </div>
    </div>
  )
}
