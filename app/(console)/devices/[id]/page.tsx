import type { Metadata } from 'next'
import { DeviceActions } from '#components/devices/device-actions.tsx'
import { DevicePage } from '#components/devices/device-page.tsx'
import { LivePage } from '#components/live/live-page.tsx'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { StateMark } from '#components/ui/state-mark.tsx'
import { syncsQuerySchema } from '#lib/protocol/syncs.ts'
import { getDevice } from '#lib/server/devices/get.ts'
import { loadPage, pageId } from '#lib/server/http/page.ts'
import { listSyncs } from '#lib/server/syncs/list.ts'
import { refusalOf } from '../../refusal.ts'

export const metadata: Metadata = { title: 'Device' }

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const given = await params
  const { actor, data, asOf } = await loadPage('device', async (viewer) => {
    const id = pageId(given)
    const [device, syncs] = await Promise.all([
      getDevice(viewer, id),
      listSyncs(viewer, syncsQuerySchema.parse({ device: id, limit: 100 })),
    ])
    return { device, syncs: syncs.items }
  })
  const { device, syncs } = data
  return (
    <>
      <PageHeader
        title={device.name}
        back={{ href: '/devices', label: 'Devices' }}
        aside={<StateMark state={device.state} className="text-12 phone:hidden" />}
        asOf={asOf}
        actions={
          <DeviceActions
            id={device.id}
            name={device.name}
            status={device.status}
            refusal={refusalOf(actor, 'admin', 'Changing a device')}
          />
        }
      />
      <LivePage topics={['fleet', 'device', 'sync', 'conflict', 'dead_letter']} />
      <PageBody>
        <DevicePage device={device} syncs={syncs} />
      </PageBody>
    </>
  )
}
