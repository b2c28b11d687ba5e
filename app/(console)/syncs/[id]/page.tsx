import type { Metadata } from 'next'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { SyncPage } from '#components/syncs/sync-page.tsx'
import { loadPage, pageId } from '#lib/server/http/page.ts'
import { getSync } from '#lib/server/syncs/get.ts'

export const metadata: Metadata = { title: 'Sync' }

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const given = await params
  const { data: sync } = await loadPage('sync', (actor) => getSync(actor, pageId(given)))
  return (
    <>
      <PageHeader
        title={`Sync of ${sync.device_name ?? 'a device'}`}
        back={{ href: '/syncs', label: 'Syncs' }}
      />
      <PageBody>
        <SyncPage sync={sync} tracerUrl={tracerUrl(sync.trace_id)} />
      </PageBody>
    </>
  )
}

/** Where this installation's tracer shows the trace: TRACE_URL_TEMPLATE with `{trace_id}` in it. */
function tracerUrl(traceId: string | null): string | null {
  const template = process.env['TRACE_URL_TEMPLATE']
  if (!template || traceId === null || !/^https?:\/\//.test(template)) return null
  return template.replaceAll('{trace_id}', traceId)
}
