import type { Metadata } from 'next'
import { ConflictPage } from '#components/conflicts/conflict-page.tsx'
import { NextConflict } from '#components/conflicts/next-conflict.tsx'
import { LivePage } from '#components/live/live-page.tsx'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { shortenMiddle } from '#components/ui/shorten.ts'
import type { ConflictDetail } from '#lib/protocol/console.ts'
import { getConflict } from '#lib/server/conflicts/get.ts'
import { listConflicts } from '#lib/server/conflicts/list.ts'
import { loadPage, pageId } from '#lib/server/http/page.ts'
import { refusalOf } from '../../refusal.ts'

export const metadata: Metadata = { title: 'Conflict' }

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const given = await params
  const { actor, data, asOf } = await loadPage('conflict', async (viewer) => {
    const id = pageId(given)
    const [conflict, open] = await Promise.all([
      getConflict(viewer, id),
      listConflicts(viewer, { state: 'open', limit: 2 }),
    ])
    return { conflict, next: open.items.find((item) => item.id !== id)?.id, open: open.total }
  })
  const { conflict, next, open } = data
  return (
    <>
      <PageHeader
        title={`${conflict.table} ${shortenMiddle(conflict.record_id)}`}
        back={{ href: '/conflicts', label: 'Conflicts' }}
        asOf={asOf}
        actions={<NextConflict id={next} open={open} />}
      />
      <LivePage topics={isUnderWay(conflict) ? ['conflict', 'record', 'device'] : ['conflict', 'record']} />
      <PageBody>
        <ConflictPage conflict={conflict} refusal={refusalOf(actor, 'admin', 'Resolving a conflict')} />
      </PageBody>
    </>
  )
}

/** Whether devices have yet to confirm how it was settled. */
function isUnderWay({ resolution }: ConflictDetail): boolean {
  const reached = resolution?.reached
  return reached ? reached.confirmed < reached.devices : false
}
