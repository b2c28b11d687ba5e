import type { Metadata } from 'next'
import { listQuery, type SearchParams } from '#components/list/query.ts'
import { LivePage } from '#components/live/live-page.tsx'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { SyncList } from '#components/syncs/sync-list.tsx'
import { syncsQuerySchema } from '#lib/protocol/syncs.ts'
import { loadPage } from '#lib/server/http/page.ts'
import { parseRequest } from '#lib/server/http/parse.ts'
import { listSyncs } from '#lib/server/syncs/list.ts'

export const metadata: Metadata = { title: 'Syncs' }

export default async function Page({ searchParams }: { searchParams: SearchParams }) {
  const query = await listQuery(searchParams)
  const { data, asOf } = await loadPage('syncs', (actor) =>
    listSyncs(actor, parseRequest(syncsQuerySchema, query)),
  )
  return (
    <>
      <PageHeader title="Syncs" asOf={asOf} />
      <LivePage topics={['sync']} paused={'cursor' in query} />
      <PageBody>
        <SyncList items={data.items} total={data.total} nextCursor={data.next_cursor} />
      </PageBody>
    </>
  )
}
