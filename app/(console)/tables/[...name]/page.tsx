import type { Metadata } from 'next'
import { LivePage } from '#components/live/live-page.tsx'
import { decodeParts } from '#components/records/address.ts'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { TablePage } from '#components/tables/table-page.tsx'
import { loadPage } from '#lib/server/http/page.ts'
import { getReach } from '#lib/server/tables/reach.ts'
import { getTable, listTableVersions } from '#lib/server/tables/list.ts'

export const metadata: Metadata = { title: 'Table' }

export default async function Page({ params }: { params: Promise<{ name: string[] }> }) {
  const name = (decodeParts((await params).name) ?? []).join('/')
  const { data, asOf } = await loadPage('table', async (actor) => {
    const [table, versions, reach] = await Promise.all([
      getTable(actor, name),
      listTableVersions(actor, name),
      getReach(actor, name),
    ])
    return { table, versions, reach }
  })
  return (
    <>
      <PageHeader title={data.table.name} back={{ href: '/tables', label: 'Tables' }} asOf={asOf} />
      <LivePage topics={['table']} />
      <PageBody>
        <TablePage table={data.table} versions={data.versions} reach={data.reach} />
      </PageBody>
    </>
  )
}
