'use client'

import { useRouter } from 'next/navigation'
import { useId, useRef, useState, type ReactNode } from 'react'
import { ProblemNotice } from '#components/api/problem-notice.tsx'
import { write } from '#components/api/request.ts'
import { useWrite } from '#components/api/use-write.ts'
import { useShortcuts } from '#components/keyboard/shortcuts.ts'
import { Button } from '#components/ui/button.tsx'
import { Checkbox } from '#components/ui/checkbox.tsx'
import { Field, Input } from '#components/ui/field.tsx'
import { Kbd } from '#components/ui/kbd.tsx'
import { Notice, Refusal } from '#components/ui/notice.tsx'
import { Panel } from '#components/ui/panel.tsx'
import { plural } from '#components/ui/quantity.ts'
import { FieldTable, type SideNames } from './field-table.tsx'
import type { ThreeStates } from '#lib/core/field-views.ts'
import type { FieldView } from '#lib/protocol/console.ts'
import { MergedPreview } from './merged-preview.tsx'
import { useResolution } from './use-resolution.ts'

type ResolverProps = {
  id: string
  etag: string
  version: number
  fields: readonly FieldView[]
  states: ThreeStates
  names: SideNames
  /** Where the record is, and where theirs moves it; null where it leaves it there. */
  scope: string
  toScope: string | null
  /** Why this person may not resolve; absent when they may. */
  refusal?: string | undefined
}

/** Settles a conflict: pick per field, see what comes of it, say why, resolve. Every step has a key. */
export function Resolver(props: ResolverProps) {
  const { id, etag, version, fields, states, names, scope, toScope, refusal } = props
  const router = useRouter()
  const resolution = useResolution(fields, states, version)
  const { merged, moved, decidable } = resolution
  const [reason, setReason] = useState('')
  const reasonInput = useRef<HTMLInputElement>(null)
  const formId = useId()
  const { busy, problem, run } = useWrite()
  const [chosenMove, setChosenMove] = useState<boolean | null>(null)
  const canMove = toScope !== null && (merged.undecided.length > 0 || merged.data !== null)
  const moves = chosenMove ?? merged.choice !== 'server'
  const readOnly = refusal !== undefined
  const stale = problem?.code === 'stale'

  const resolve = () =>
    run(async () => {
      if (merged.undecided.length > 0) return
      try {
        await write(`/api/v1/conflicts/${id}/resolve`, {
          body: {
            choice: merged.choice,
            ...(merged.choice === 'merged' ? { data: merged.data } : {}),
            ...(canMove ? { moves } : {}),
            ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
          },
          ifMatch: etag,
          idempotencyKey: `${id}-${version}-${crypto.randomUUID()}`,
        })
      } finally {
        // Done, or someone was faster: either way the page must show what is true now. The picks stay.
        router.refresh()
      }
    })

  useShortcuts(
    readOnly
      ? []
      : [
          {
            keys: '1',
            does: 'Take theirs (the device’s)',
            group: 'Conflict',
            run: () => resolution.pickActive('client'),
          },
          {
            keys: '2',
            does: 'Take ours (the server’s)',
            group: 'Conflict',
            run: () => resolution.pickActive('server'),
          },
          { keys: '0', does: 'Take the base', group: 'Conflict', run: () => resolution.pickActive('base') },
          {
            keys: '3',
            does: 'Take both, merged (a text)',
            group: 'Conflict',
            run: () => resolution.pickActive('merged'),
          },
          { keys: 'j', does: 'Next field', group: 'Conflict', run: () => resolution.move(1) },
          { keys: 'k', does: 'Previous field', group: 'Conflict', run: () => resolution.move(-1) },
          {
            keys: 'e',
            does: 'Edit the value',
            group: 'Conflict',
            run: () => clickEdit(decidable[resolution.active]?.path),
          },
          {
            keys: 'r',
            does: 'Say why, then Enter resolves',
            group: 'Conflict',
            run: () => reasonInput.current?.focus(),
          },
          ...(canMove
            ? [
                {
                  keys: 'm',
                  does: 'Move the record as theirs did, or leave it',
                  group: 'Conflict',
                  run: () => setChosenMove(!moves),
                },
              ]
            : []),
        ],
  )

  return (
    <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_380px]">
      <Panel
        flush
        title="Fields"
        aside={<Summary decidable={decidable.length} undecided={merged.undecided.length} />}
        actions={
          readOnly ? null : (
            <div className="flex gap-1">
              <Button kind="quiet" onClick={() => resolution.pickAll('client')}>
                All theirs
              </Button>
              <Button kind="quiet" onClick={() => resolution.pickAll('server')}>
                All ours
              </Button>
              <Button kind="quiet" onClick={resolution.reset} className="phone:hidden">
                Reset
              </Button>
            </div>
          )
        }
      >
        <FieldTable resolution={resolution} names={names} readOnly={readOnly} />
      </Panel>
      <div className="flex flex-col gap-4 xl:sticky xl:top-16">
        {moved.size > 0 ? (
          <Notice state="warning" alert title="The record changed while you were deciding">
            Your picks were kept. Look again at {list([...moved])}: ours is another value now.
          </Notice>
        ) : null}
        <MergedPreview
          merged={merged}
          server={states.server}
          client={states.client}
          move={canMove ? { from: scope, to: toScope, isTaken: moves } : null}
        />
        {readOnly ? (
          <Panel>
            <Refusal>{refusal}</Refusal>
          </Panel>
        ) : (
          <Panel>
            <form
              id={formId}
              className="flex flex-col gap-3"
              onSubmit={(event) => {
                event.preventDefault()
                void resolve()
              }}
            >
              <Field label="Reason, for the audit" hint={<ReasonKeys />}>
                {(control) => (
                  <Input
                    {...control}
                    ref={reasonInput}
                    value={reason}
                    maxLength={500}
                    autoComplete="off"
                    placeholder="Optional: why this and not the other"
                    onChange={(event) => setReason(event.target.value)}
                    onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
                  />
                )}
              </Field>
              {canMove ? (
                <label className="flex items-start gap-2 py-0.5 text-13">
                  <span className="flex h-5 items-center">
                    <Checkbox label={moveWords(toScope)} checked={moves} onChange={setChosenMove} />
                  </span>
                  <span className="min-w-0 flex-1 break-words">{moveWords(toScope)}</span>
                  <span aria-hidden className="phone:hidden">
                    <Kbd>m</Kbd>
                  </span>
                </label>
              ) : null}
              {stale ? (
                <Notice state="warning" title="Someone else was faster" alert>
                  Nothing was written. Your picks were kept and the fresh values are shown; look again and
                  resolve.
                </Notice>
              ) : (
                <ProblemNotice title="Not resolved" problem={problem} />
              )}
              <Button
                kind="primary"
                type="submit"
                busy={busy}
                disabled={merged.undecided.length > 0}
                className="w-full"
              >
                {buttonWords(merged.undecided.length, merged.choice, busy)}
              </Button>
            </form>
          </Panel>
        )}
      </div>
    </div>
  )
}

function moveWords(toScope: string): string {
  return `Move the record to scope ${toScope}, as theirs did`
}

function ReasonKeys(): ReactNode {
  return (
    <span className="phone:hidden">
      <Kbd>r</Kbd> to come here, <Kbd>Enter</Kbd> to resolve
    </span>
  )
}

function buttonWords(undecided: number, choice: 'client' | 'server' | 'merged', busy: boolean): string {
  if (undecided > 0) return `Decide ${plural(undecided, 'more field')} first`
  if (busy) return 'Resolving…'
  switch (choice) {
    case 'client':
      return 'Resolve with theirs'
    case 'server':
      return 'Resolve with ours'
    case 'merged':
      return 'Resolve with this result'
  }
}

function Summary({ decidable, undecided }: { decidable: number; undecided: number }) {
  const noun = <span className="phone:hidden"> changed {decidable === 1 ? 'field' : 'fields'}</span>
  return undecided > 0 ? (
    <>
      {undecided} of {decidable}
      {noun} to decide
    </>
  ) : (
    <>
      {decidable}
      {noun}, all decided
    </>
  )
}

function list(paths: readonly string[]): string {
  return paths.map((path) => path || 'the whole record').join(', ')
}

function clickEdit(path: string | undefined): void {
  if (path === undefined) return
  document.querySelector<HTMLButtonElement>(`tr[data-path="${CSS.escape(path)}"] button[data-edit]`)?.click()
}
