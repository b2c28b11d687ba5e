import { deviceRoute } from '#lib/server/http/device-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { serveSync } from '#lib/server/sync/serve.ts'

export const dynamic = 'force-dynamic'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({ POST: deviceRoute('sync.receive', serveSync) })
