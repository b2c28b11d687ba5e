'use client'

import { useMemo, useState } from 'react'
import { ProblemNotice } from '#components/api/problem-notice.tsx'
import { useShortcuts } from '#components/keyboard/shortcuts.ts'
import { Button } from '#components/ui/button.tsx'
import { DiffView } from '#components/ui/diff-view.tsx'
import { Field, TextArea } from '#components/ui/field.tsx'
import { Kbd } from '#components/ui/kbd.tsx'
import { Panel } from '#components/ui/panel.tsx'
import { fieldChanges } from '#lib/core/field-diff.ts'
import type { Json } from '#lib/core/json.ts'
import { DiscardDialog } from './discard-dialog.tsx'
import { editablePart, readDraft } from './editable.ts'
import { ReplayResult } from './replay-result.tsx'
import { useReplay } from './use-replay.ts'

type RepairProps = { id: string; etag: string; change: Json; changeText: string }

/** Mends a dead letter: edit with the difference in sight, try it without writing, replay it, or discard it. */
export function Repair({ id, etag, change, changeText }: RepairProps) {
  const original = useMemo(() => editablePart(change), [change])
  const readable = Object.keys(original).length > 0
  const begin = readable ? JSON.stringify(original, null, 2) : changeText
  const [text, setText] = useState(begin)
  const [discarding, setDiscarding] = useState(false)
  const { busy, problem, reply, send, forget } = useReplay({ id, etag })
  const draft = useMemo(() => readDraft(text), [text])
  const edits = useMemo(() => (draft.ok ? fieldChanges(original, draft.change) : []), [draft, original])

  const edit = (next: string) => {
    setText(next)
    forget()
  }
  const go = (dryRun: boolean) => {
    if (draft.ok && !busy) void send(dryRun, edits.length > 0 ? draft.change : undefined)
  }
  useShortcuts([
    { keys: 'd', does: 'Dry run', group: 'Dead letter', run: () => go(true) },
    { keys: 'r', does: 'Replay the change', group: 'Dead letter', run: () => go(false) },
    { keys: 'e', does: 'Edit the change', group: 'Dead letter', run: focusEditor },
  ])

  return (
    <Panel
      title="The change"
      aside={edits.length > 0 ? 'edited' : 'as the device sent it'}
      actions={
        text === begin ? null : (
          <Button kind="quiet" onClick={() => edit(begin)}>
            Undo edits
          </Button>
        )
      }
    >
      <div className="flex flex-col gap-4">
        <Field
          label="Change, as JSON"
          hint="op_id, seq, clocks and checksum are given anew at the replay."
          error={draft.ok ? undefined : draft.message}
        >
          {(control) => (
            <TextArea
              {...control}
              value={text}
              spellCheck={false}
              rows={Math.min(26, Math.max(8, text.split('\n').length))}
              onChange={(event) => edit(event.target.value)}
              onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
              className="change-editor"
            />
          )}
        </Field>
        {edits.length > 0 ? (
          <div>
            <p className="mb-1.5 text-12 font-medium text-muted">What you changed in it</p>
            <DiffView label="Edits" differences={edits} />
          </div>
        ) : null}
        <ProblemNotice title="Nothing was replayed" problem={problem} />
        {reply ? <ReplayResult reply={reply} /> : null}
        <div className="flex flex-wrap items-center gap-2">
          <Button busy={busy} disabled={!draft.ok} onClick={() => go(true)}>
            Dry run
            <span className="phone:hidden">
              <Kbd>d</Kbd>
            </span>
          </Button>
          <Button kind="primary" busy={busy} disabled={!draft.ok} onClick={() => go(false)}>
            {edits.length > 0 ? 'Replay the edited change' : 'Replay the change'}
          </Button>
          <span className="flex-1" />
          <Button kind="danger" onClick={() => setDiscarding(true)}>
            Discard…
          </Button>
        </div>
      </div>
      <DiscardDialog id={id} etag={etag} open={discarding} onOpenChange={setDiscarding} />
    </Panel>
  )
}

function focusEditor(): void {
  document.querySelector<HTMLTextAreaElement>('.change-editor')?.focus()
}
