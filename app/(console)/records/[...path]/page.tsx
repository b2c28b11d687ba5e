import type { Metadata } from 'next'
import { listQuery, type SearchParams } from '#components/list/query.ts'
import { LivePage } from '#components/live/live-page.tsx'
import { decodeParts } from '#components/records/address.ts'
import { RecordPage } from '#components/records/record-page.tsx'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { shortenMiddle } from '#components/ui/shorten.ts'
import { loadPage, pageId } from '#lib/server/http/page.ts'
import { parseRequest } from '#lib/server/http/parse.ts'
import { recordQuerySchema } from '#lib/server/records/address.ts'
import { listHistory } from '#lib/server/records/history.ts'
import { getRecord } from '#lib/server/records/read.ts'

export const metadata: Metadata = { title: 'Record' }

type PageProps = { params: Promise<{ path: string[] }>; searchParams: SearchParams }

export default async function Page({ params, searchParams }: PageProps) {
  const parts = decodeParts((await params).path) ?? []
  const query = await listQuery(searchParams)
  const { data, asOf } = await loadPage('record', async (actor) => {
    const id = pageId({ id: parts.at(-1) ?? '' })
    const table = parts.slice(0, -1).join('/')
    const { scope } = parseRequest(recordQuerySchema, query)
    const record = await getRecord(actor, { table, id, scope })
    const history = await listHistory(actor, { table, id }, { scope: record.scope, limit: 100 })
    return { record, history }
  })
  const { record, history } = data
  return (
    <>
      <PageHeader
        title={`${record.table} ${shortenMiddle(record.record_id)}`}
        back={{ href: `/records?table=${encodeURIComponent(record.table)}`, label: 'Records' }}
        asOf={asOf}
      />
      <LivePage topics={['record', 'conflict']} />
      <PageBody>
        <RecordPage record={record} history={history.items} total={history.total} />
      </PageBody>
    </>
  )
}
