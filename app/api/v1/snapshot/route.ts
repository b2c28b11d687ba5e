import { createHash } from 'node:crypto'
import { z } from 'zod'
import { limits } from '#lib/protocol/sync.ts'
import { deviceRoute } from '#lib/server/http/device-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { parseRequest, queryObject } from '#lib/server/http/parse.ts'
import { jsonText } from '#lib/server/http/reply.ts'
import { snapshotPage } from '#lib/server/sync/snapshot.ts'

export const dynamic = 'force-dynamic'

const query = z.object({
  cursor: z.string().max(65_536).optional(),
  scope: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(limits.max_pull).optional(),
})

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: deviceRoute('snapshot.read', async ({ request, device }) => {
    const text = await snapshotPage(device, parseRequest(query, queryObject(request.url)))
    const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`
    if (request.headers.get('if-none-match') === etag)
      return new Response(null, { status: 304, headers: { etag } })
    return jsonText(text, { headers: { etag } })
  }),
})
