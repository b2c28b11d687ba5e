'use client'

import { clsx } from 'clsx'
import { Fragment, useState, type ReactNode } from 'react'
import { Kbd } from '#components/ui/kbd.tsx'
import { plural } from '#components/ui/quantity.ts'
import { FieldRow } from './field-row.tsx'
import { JsonValue } from '#components/ui/json-value.tsx'
import type { Resolution } from './use-resolution.ts'

export type SideNames = { client: string; server: string }

/** Base, theirs and ours beside each other, one place per row, and what comes of it. */
export function FieldTable({
  resolution,
  names,
  readOnly,
}: {
  resolution: Resolution
  names: SideNames
  readOnly: boolean
}) {
  const [showAll, setShowAll] = useState(false)
  const { decidable, fields } = resolution
  const settled = fields.filter((field) => !decidable.includes(field))
  const undecided = new Set(resolution.merged.undecided)
  const firstJoined = decidable.findIndex(({ kind }) => kind === 'joined')
  return (
    <div className="relative overflow-x-auto">
      <table
        aria-label="Fields in conflict"
        className="w-full min-w-160 table-fixed border-separate border-spacing-0 phone:block phone:min-w-0"
      >
        <thead className="phone:hidden">
          <tr>
            <Head className="w-40 pl-4">Field</Head>
            <Head className="pl-[35px]" note="what both began with" hint={readOnly ? undefined : '0'}>
              Base
            </Head>
            <Head className="pl-[35px]" note={names.client} hint={readOnly ? undefined : '1'}>
              Theirs
            </Head>
            <Head className="pl-[35px]" note={names.server} hint={readOnly ? undefined : '2'}>
              Ours
            </Head>
            <Head className="w-16 pr-4">
              <span className="sr-only">Edit</span>
            </Head>
          </tr>
        </thead>
        <tbody className="phone:block">
          {decidable.map((field, index) => (
            <Fragment key={field.path}>
              {index === firstJoined ? <JoinedHead /> : null}
              <FieldRow
                field={field}
                active={!readOnly && index === resolution.active}
                undecided={undecided.has(field.path)}
                moved={resolution.moved.has(field.path)}
                picks={resolution.picks}
                readOnly={readOnly}
                onActivate={() => resolution.setActive(index)}
                onPick={(pick) => resolution.pick(field.path, pick)}
              />
            </Fragment>
          ))}
          {showAll
            ? settled.map((field) => (
                <tr key={field.path} className="text-faint phone:flex phone:flex-wrap">
                  <td className="border-b border-line px-2 py-1.5 pl-4 font-mono text-12 break-words phone:w-full phone:border-0">
                    {field.path}
                  </td>
                  <td className="border-b border-line px-2 py-1.5 pl-[35px] phone:hidden">
                    <JsonValue value={field.base} bare />
                  </td>
                  <td
                    colSpan={3}
                    className="border-b border-line px-2 py-1.5 pl-[35px] phone:w-full phone:pl-4"
                  >
                    <JsonValue value={field.server} bare /> <span className="text-12">on both sides</span>
                  </td>
                </tr>
              ))
            : null}
        </tbody>
      </table>
      {settled.length > 0 ? (
        <button
          type="button"
          aria-expanded={showAll}
          onClick={() => setShowAll(!showAll)}
          className="pressable h-9 w-full px-4 text-left text-muted hover:bg-hover hover:text-ink"
        >
          {showAll ? 'Hide' : 'Show'} {plural(settled.length, 'field')} on which both sides agree
        </button>
      ) : null}
    </div>
  )
}

/** Above the fields that nobody decides, which come last. */
function JoinedHead() {
  return (
    <tr className="phone:block">
      <td colSpan={5} className="border-b border-line bg-sunken px-4 py-1.5 text-12 text-muted phone:block">
        <b className="font-medium text-ink">Joined by themselves.</b> Both sides stay, whatever is picked
        above.
      </td>
    </tr>
  )
}

type HeadProps = { children: ReactNode; note?: string; hint?: string | undefined; className?: string }

function Head({ children, note, hint, className }: HeadProps) {
  return (
    <th
      scope="col"
      className={clsx(
        'border-b border-line bg-sunken py-1.5 pr-2 text-left align-top font-normal',
        className,
      )}
    >
      <span className="flex items-center gap-1.5 text-12 font-medium text-ink">
        {children}
        {hint ? <Kbd>{hint}</Kbd> : null}
      </span>
      {note ? <span className="block truncate text-12 text-faint">{note}</span> : null}
    </th>
  )
}
