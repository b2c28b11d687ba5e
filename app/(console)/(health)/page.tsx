import type { Metadata } from 'next'
import { HealthPage } from '#components/health/health-page.tsx'
import { listQuery, type SearchParams } from '#components/list/query.ts'
import { LivePage } from '#components/live/live-page.tsx'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { healthQuerySchema } from '#lib/protocol/health.ts'
import { healthSummary } from '#lib/server/health/summary.ts'
import { loadPage } from '#lib/server/http/page.ts'
import { parseRequest } from '#lib/server/http/parse.ts'

export const metadata: Metadata = { title: 'Health' }

export default async function Page({ searchParams }: { searchParams: SearchParams }) {
  const query = await listQuery(searchParams)
  const { data, asOf } = await loadPage('health', (actor) =>
    healthSummary(actor, parseRequest(healthQuerySchema, query)),
  )
  return (
    <>
      <PageHeader title="Health" asOf={asOf} />
      <LivePage topics={['fleet', 'device', 'sync', 'conflict', 'dead_letter']} restMs={5_000} />
      <PageBody>
        <HealthPage summary={data} />
      </PageBody>
    </>
  )
}
