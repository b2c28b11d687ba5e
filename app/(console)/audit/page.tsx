import type { Metadata } from 'next'
import { AuditList } from '#components/audit/audit-list.tsx'
import { VerifyAudit } from '#components/audit/verify-audit.tsx'
import { listQuery, type SearchParams } from '#components/list/query.ts'
import { LivePage } from '#components/live/live-page.tsx'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { auditQuerySchema, listAudit } from '#lib/server/audit/list.ts'
import { loadPage } from '#lib/server/http/page.ts'
import { parseRequest } from '#lib/server/http/parse.ts'
import { refusalOf } from '../refusal.ts'

export const metadata: Metadata = { title: 'Audit' }

export default async function Page({ searchParams }: { searchParams: SearchParams }) {
  const query = await listQuery(searchParams)
  const { actor, data, asOf } = await loadPage('audit', (viewer) =>
    listAudit(viewer, parseRequest(auditQuerySchema, query)),
  )
  return (
    <>
      <PageHeader title="Audit" asOf={asOf} />
      <LivePage topics={['audit']} />
      <PageBody>
        <VerifyAudit refusal={refusalOf(actor, 'admin', 'Verifying the chain')} />
        <AuditList items={data.items} total={data.total} nextCursor={data.next_cursor} />
      </PageBody>
    </>
  )
}
