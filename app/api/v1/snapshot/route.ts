import { z } from 'zod'
import { limits } from '#lib/protocol/sync.ts'
import { deviceRoute } from '#lib/server/http/device-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { parseRequest, queryObject } from '#lib/server/http/parse.ts'
import { serveSnapshot } from '#lib/server/snapshots/serve.ts'

export const dynamic = 'force-dynamic'

const query = z.object({
  cursor: z.string().max(65_536).optional(),
  scope: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(limits.max_pull).optional(),
})

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: deviceRoute('snapshot.read', ({ request, device }) =>
    serveSnapshot(request, device, parseRequest(query, queryObject(request.url))),
  ),
})
