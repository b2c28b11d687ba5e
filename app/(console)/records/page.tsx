import type { Metadata } from 'next'
import { listQuery, type SearchParams } from '#components/list/query.ts'
import { LivePage } from '#components/live/live-page.tsx'
import { RecordList } from '#components/records/record-list.tsx'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { loadPage } from '#lib/server/http/page.ts'
import { parseRequest } from '#lib/server/http/parse.ts'
import { listRecords, recordsQuerySchema } from '#lib/server/records/list.ts'

export const metadata: Metadata = { title: 'Records' }

export default async function Page({ searchParams }: { searchParams: SearchParams }) {
  const query = await listQuery(searchParams)
  const { data, asOf } = await loadPage('records', (actor) =>
    listRecords(actor, parseRequest(recordsQuerySchema, query)),
  )
  return (
    <>
      <PageHeader title="Records" asOf={asOf} />
      <LivePage topics={['record']} />
      <PageBody>
        <RecordList items={data.items} total={data.total} nextCursor={data.next_cursor} />
      </PageBody>
    </>
  )
}
