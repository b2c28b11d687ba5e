import type { Metadata } from 'next'
import { ConflictList } from '#components/conflicts/conflict-list.tsx'
import { listQuery, type SearchParams } from '#components/list/query.ts'
import { LivePage } from '#components/live/live-page.tsx'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { conflictsQuerySchema, listConflicts } from '#lib/server/conflicts/list.ts'
import { loadPage } from '#lib/server/http/page.ts'
import { parseRequest } from '#lib/server/http/parse.ts'

export const metadata: Metadata = { title: 'Conflicts' }

export default async function Page({ searchParams }: { searchParams: SearchParams }) {
  const query = await listQuery(searchParams)
  const { data, asOf } = await loadPage('conflicts', (actor) =>
    listConflicts(actor, parseRequest(conflictsQuerySchema, { state: 'open', ...query })),
  )
  return (
    <>
      <PageHeader title="Conflicts" asOf={asOf} />
      <LivePage topics={['conflict']} />
      <PageBody>
        <ConflictList items={data.items} total={data.total} nextCursor={data.next_cursor} />
      </PageBody>
    </>
  )
}
