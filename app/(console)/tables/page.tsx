import type { Metadata } from 'next'
import { listQuery, type SearchParams } from '#components/list/query.ts'
import { LivePage } from '#components/live/live-page.tsx'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { TableList } from '#components/tables/table-list.tsx'
import { loadPage } from '#lib/server/http/page.ts'
import { parseRequest } from '#lib/server/http/parse.ts'
import { listTables, tablesQuerySchema } from '#lib/server/tables/list.ts'

export const metadata: Metadata = { title: 'Tables' }

export default async function Page({ searchParams }: { searchParams: SearchParams }) {
  const query = await listQuery(searchParams)
  const { data, asOf } = await loadPage('tables', (actor) =>
    listTables(actor, parseRequest(tablesQuerySchema, query)),
  )
  return (
    <>
      <PageHeader title="Tables" asOf={asOf} />
      <LivePage topics={['table']} />
      <PageBody>
        <TableList items={data.items} total={data.total} nextCursor={data.next_cursor} />
      </PageBody>
    </>
  )
}
