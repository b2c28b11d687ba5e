'use client'

import { useTable, type TableOptions } from '@tanstack/react-table'
import { clsx } from 'clsx'
import { useSearchParams } from 'next/navigation'
import { useMemo, useRef, useState, type ReactNode } from 'react'
import { Checkbox } from '#components/ui/checkbox.tsx'
import { plural } from '#components/ui/quantity.ts'
import { features } from './features.ts'
import { useRowKeys } from './row-keys.ts'
import { SortHead, type Sorting } from './sort-head.tsx'
import { useHeldRows } from './use-held-rows.ts'

export type Columns<Row extends object> = TableOptions<typeof features, Row>['columns']

type DataTableProps<Row extends object> = {
  label: string
  rows: readonly Row[]
  columns: Columns<Row>
  rowId: (row: Row) => string
  /** What a row is called when it is ticked. */
  rowName?: (row: Row) => string
  sorting?: Sorting
  selection?: { ids: ReadonlySet<string>; onChange: (ids: ReadonlySet<string>) => void }
  /** Shown in the place of rows. */
  empty: ReactNode
}

const cellPad = 'px-3 first:pl-4 last:pr-4'

/**
 * A list: 36-pixel rows under a head that stays, walked with j and k, ticked with x, opened with Enter.
 * Live updates change cells in place and never move a row that the pointer or the focus is on.
 */
export function DataTable<Row extends object>(props: DataTableProps<Row>) {
  const { label, columns, rowId, sorting, selection, empty } = props
  const body = useRef<HTMLTableSectionElement>(null)
  const [pointed, setPointed] = useState(false)
  const [focused, setFocused] = useState(false)
  const view = useSearchParams().toString()
  const { rows, waiting } = useHeldRows(props.rows, { rowId, held: pointed || focused, view })
  const data = useMemo(() => [...rows], [rows])
  const rowSelection = useMemo(
    () => Object.fromEntries([...(selection?.ids ?? [])].map((id) => [id, true as const])),
    [selection?.ids],
  )
  const table = useTable({ features, columns, data, getRowId: rowId, state: { rowSelection } })

  const toggle = (id: string) => {
    const next = new Set(selection?.ids)
    if (!next.delete(id)) next.add(id)
    selection?.onChange(next)
  }
  const tickOf = (id: string, name: string) => (
    <Checkbox
      label={`Select ${name}`}
      checked={selection?.ids.has(id) ?? false}
      onChange={() => toggle(id)}
    />
  )
  useRowKeys(body, selection ? toggle : undefined)

  if (props.rows.length === 0 && rows.length === 0) return <>{empty}</>
  const picked = selection ? rows.filter((row) => selection.ids.has(rowId(row))).length : 0
  return (
    <div
      className="relative"
      onPointerEnter={(event) => event.pointerType === 'mouse' && setPointed(true)}
      onPointerLeave={() => setPointed(false)}
      onFocus={() => setFocused(true)}
      onBlur={(event) => setFocused(event.currentTarget.contains(event.relatedTarget))}
    >
      {waiting > 0 ? (
        <p
          role="status"
          className="absolute top-8 right-4 z-20 rounded-b-md bg-accent-soft px-2 py-0.5 text-12 text-accent"
        >
          {plural(waiting, 'row')} changed place — shown when you leave the list
        </p>
      ) : null}
      <table aria-label={label} className="w-full table-fixed border-separate border-spacing-0 text-13">
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id}>
              {selection ? (
                <th scope="col" className={clsx(headClass, 'w-10 pl-4')}>
                  <Checkbox
                    label="Select this page"
                    checked={picked > 0 && picked === rows.length}
                    indeterminate={picked > 0 && picked < rows.length}
                    onChange={(on) => selection.onChange(new Set(on ? rows.map(rowId) : []))}
                  />
                </th>
              ) : null}
              {group.headers.map((header) => {
                const meta = header.column.columnDef.meta
                return (
                  <SortHead
                    key={header.id}
                    sorting={sorting}
                    sort={meta?.sort}
                    align={meta?.align}
                    width={meta?.width}
                    className={clsx(headClass, cellPad, meta?.wide && 'phone:hidden')}
                  >
                    <table.FlexRender header={header} />
                  </SortHead>
                )
              })}
            </tr>
          ))}
        </thead>
        <tbody ref={body}>
          {table.getRowModel().rows.map((row) => (
            <tr
              key={row.id}
              data-row-id={row.id}
              data-selected={selection?.ids.has(row.id) || undefined}
              className="group/row h-9 hover:bg-hover focus-within:bg-accent-soft data-selected:bg-accent-soft touch:h-11"
            >
              {selection ? (
                <td className="border-b border-line pl-4 group-last/row:border-0">
                  {tickOf(row.id, props.rowName?.(row.original) ?? row.id)}
                </td>
              ) : null}
              {row.getAllCells().map((cell) => {
                const meta = cell.column.columnDef.meta
                const content = <table.FlexRender cell={cell} />
                return (
                  <td
                    key={cell.id}
                    className={clsx(
                      'truncate border-b border-line group-last/row:border-0',
                      cellPad,
                      meta?.align === 'end' && 'text-right tabular-nums',
                      meta?.wide && 'phone:hidden',
                    )}
                  >
                    {content}
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const headClass =
  'sticky top-12 z-10 h-8 border-b border-line bg-sunken text-left text-12 font-medium text-faint'
