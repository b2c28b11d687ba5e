import type { Metadata } from 'next'
import { DeviceList } from '#components/devices/device-list.tsx'
import { defaultDeviceSort } from '#components/devices/device-sort.ts'
import { listQuery, type SearchParams } from '#components/list/query.ts'
import { LivePage } from '#components/live/live-page.tsx'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { deviceQuerySchema } from '#lib/protocol/devices.ts'
import { listDevices } from '#lib/server/devices/list.ts'
import { loadPage } from '#lib/server/http/page.ts'
import { parseRequest } from '#lib/server/http/parse.ts'

export const metadata: Metadata = { title: 'Devices' }

export default async function Page({ searchParams }: { searchParams: SearchParams }) {
  const query = await listQuery(searchParams)
  const { data, asOf } = await loadPage('devices', (actor) =>
    listDevices(actor, parseRequest(deviceQuerySchema, { sort: defaultDeviceSort, ...query })),
  )
  return (
    <>
      <PageHeader title="Devices" asOf={asOf} />
      <LivePage topics={['fleet', 'device', 'sync']} />
      <PageBody>
        <DeviceList items={data.items} total={data.total} nextCursor={data.next_cursor} />
      </PageBody>
    </>
  )
}
