'use client'

import { clsx } from 'clsx'
import type { ReactNode } from 'react'
import { Icon } from '#components/ui/icon.tsx'

/** `value` is a column's sort name, with `-` before it for descending. */
export type Sorting = { value: string; onChange: (value: string) => void }

type SortHeadProps = {
  sorting: Sorting | undefined
  sort: string | undefined
  align: 'end' | undefined
  /** A CSS width. A share of the table holds only where there is room for all columns. */
  width: string | undefined
  className: string
  children: ReactNode
}

export function SortHead({ sorting, sort, align, width, className, children }: SortHeadProps) {
  const end = align === 'end'
  const share = width?.endsWith('%')
  const style = width ? { [share ? '--share' : 'width']: width } : undefined
  const look = clsx(className, end && 'text-right', share && 'md:w-(--share)')
  if (!sorting || sort === undefined) {
    return (
      <th scope="col" style={style} className={look}>
        {children}
      </th>
    )
  }
  const direction =
    sorting.value === sort ? 'ascending' : sorting.value === `-${sort}` ? 'descending' : undefined
  return (
    <th scope="col" aria-sort={direction ?? 'none'} style={style} className={look}>
      <button
        type="button"
        onClick={() => sorting.onChange(direction === 'descending' ? sort : `-${sort}`)}
        className={clsx(
          'pressable inline-flex h-6 items-center gap-0.5 rounded-sm hover:text-ink',
          direction && 'text-ink',
          end && 'flex-row-reverse',
        )}
      >
        {children}
        <Icon
          name={direction === 'ascending' ? 'arrow-up' : 'arrow-down'}
          width={12}
          height={12}
          className={clsx('shrink-0', !direction && 'invisible')}
        />
      </button>
    </th>
  )
}
