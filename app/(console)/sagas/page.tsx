import type { Metadata } from 'next'
import { listQuery, type SearchParams } from '#components/list/query.ts'
import { LivePage } from '#components/live/live-page.tsx'
import { SagaList } from '#components/sagas/saga-list.tsx'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { loadPage } from '#lib/server/http/page.ts'
import { parseRequest } from '#lib/server/http/parse.ts'
import { listSagas, sagasQuerySchema } from '#lib/server/sagas/list.ts'

export const metadata: Metadata = { title: 'Sagas' }

export default async function Page({ searchParams }: { searchParams: SearchParams }) {
  const { state = 'open', ...query } = await listQuery(searchParams)
  const { data: page, asOf } = await loadPage('sagas', (viewer) =>
    listSagas(viewer, parseRequest(sagasQuerySchema, { ...query, ...(state !== 'all' && { state }) })),
  )
  return (
    <>
      <PageHeader title="Sagas" asOf={asOf} />
      <LivePage topics={['saga']} />
      <PageBody>
        <SagaList items={page.items} total={page.total} nextCursor={page.next_cursor} />
      </PageBody>
    </>
  )
}
