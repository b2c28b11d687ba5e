import { digestRequestSchema } from '#lib/protocol/digest.ts'
import { readJson } from '#lib/server/http/body.ts'
import { deviceRoute } from '#lib/server/http/device-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { parseRequest } from '#lib/server/http/parse.ts'
import { jsonText } from '#lib/server/http/reply.ts'
import { compareBuckets } from '#lib/server/sync/compare-buckets.ts'

export const dynamic = 'force-dynamic'

/** Every bucket of fifty tables. */
const bodyLimitBytes = 1024 * 1024

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  POST: deviceRoute('digest.compare', async ({ request, device }) => {
    const body = parseRequest(digestRequestSchema, (await readJson(request, bodyLimitBytes)).value)
    return jsonText([await compareBuckets(device, body)])
  }),
})
