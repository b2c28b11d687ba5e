import type { Metadata } from 'next'
import { LivePage } from '#components/live/live-page.tsx'
import { SagaPage } from '#components/sagas/saga-page.tsx'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { shortenMiddle } from '#components/ui/shorten.ts'
import { loadPage, pageId } from '#lib/server/http/page.ts'
import { getSaga } from '#lib/server/sagas/get.ts'
import { refusalOf } from '../../refusal.ts'

export const metadata: Metadata = { title: 'Saga' }

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const given = await params
  const { actor, data: saga, asOf } = await loadPage('saga', (viewer) => getSaga(viewer, pageId(given)))
  return (
    <>
      <PageHeader
        title={`Saga ${shortenMiddle(saga.id)}`}
        back={{ href: '/sagas', label: 'Sagas' }}
        asOf={asOf}
      />
      <LivePage topics={['saga', 'conflict']} />
      <PageBody>
        <SagaPage saga={saga} refusal={refusalOf(actor, 'operator', 'Retrying or calling off a saga')} />
      </PageBody>
    </>
  )
}
