'use client'

import { DiffView } from '#components/ui/diff-view.tsx'
import { Notice } from '#components/ui/notice.tsx'
import type { ReplayReply } from '#lib/protocol/console.ts'
import { codeTitle } from './codes.ts'
import { Link } from '#components/ui/link.tsx'

/** What a replay did, or a dry run says it would do: to the queue and to the record. */
export function ReplayResult({ reply }: { reply: ReplayReply }) {
  return (
    <div className="flex flex-col gap-3">
      <Verdict reply={reply} />
      {reply.kind === 'accepted' ? (
        <div>
          <p className="mb-1.5 text-12 font-medium text-muted">
            {reply.dry_run ? 'The record would change' : 'The record changed'}, to version{' '}
            {reply.record.version}
          </p>
          <DiffView label="Change of the record" differences={reply.record.changes} />
        </div>
      ) : null}
    </div>
  )
}

function Verdict({ reply }: { reply: ReplayReply }) {
  const would = reply.dry_run ? 'would be ' : 'was '
  switch (reply.kind) {
    case 'accepted':
      return (
        <Notice
          state="healthy"
          alert
          title={`The change ${would}${reply.outcome?.replace('_', ' ') ?? 'accepted'}`}
        >
          {reply.dry_run
            ? 'Dry run: nothing was written.'
            : 'It reaches the devices of its scope with their next sync.'}
        </Notice>
      )
    case 'conflict':
      return (
        <Notice state="warning" alert title={`The change ${would}in conflict`}>
          {reply.dry_run
            ? 'Dry run: nothing was written. Replaying it would open a conflict for a person. '
            : null}
          {reply.conflict_id && !reply.dry_run ? (
            <Link href={`/conflicts/${reply.conflict_id}`} className="link">
              Settle the conflict
            </Link>
          ) : (
            reply.detail
          )}
        </Notice>
      )
    case 'rejected':
      return (
        <Notice state="critical" alert title={`The change ${would}refused again`}>
          <p>
            {reply.code ? `${codeTitle(reply.code)}. ` : ''}
            {reply.detail}
          </p>
          {reply.errors.length > 0 ? (
            <ul className="mt-1 font-mono text-12">
              {reply.errors.map((error) => (
                <li key={`${error.pointer} ${error.detail}`}>
                  <b className="font-medium text-ink">{error.pointer || '/'}</b> {error.detail}
                </li>
              ))}
            </ul>
          ) : null}
        </Notice>
      )
  }
}
