import type { Metadata } from 'next'
import { DeadLetterPage } from '#components/dead-letters/dead-letter-page.tsx'
import { LivePage } from '#components/live/live-page.tsx'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { shortenMiddle } from '#components/ui/shorten.ts'
import { getDeadLetter } from '#lib/server/dead-letters/get.ts'
import { loadPage, pageId } from '#lib/server/http/page.ts'
import { refusalOf } from '../../refusal.ts'

export const metadata: Metadata = { title: 'Dead letter' }

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const given = await params
  const {
    actor,
    data: letter,
    asOf,
  } = await loadPage('dead_letter', (viewer) => getDeadLetter(viewer, pageId(given)))
  return (
    <>
      <PageHeader
        title={`${letter.table ?? 'Unreadable change'} ${letter.record_id ? shortenMiddle(letter.record_id) : ''}`}
        back={{ href: '/dead-letters', label: 'Dead letters' }}
        asOf={asOf}
      />
      <LivePage topics={['dead_letter']} />
      <PageBody>
        <DeadLetterPage
          letter={letter}
          refusal={refusalOf(actor, 'operator', 'Replaying or discarding a dead letter')}
        />
      </PageBody>
    </>
  )
}
