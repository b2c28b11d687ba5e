import type { ApiRequest } from '#lib/server/http/api-request.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { partsAfter } from '#lib/server/http/path.ts'
import { etag, optionalVersion } from '#lib/server/http/precondition.ts'
import { json } from '#lib/server/http/reply.ts'
import { getTable, listTableVersions, tableQuerySchema } from '#lib/server/tables/list.ts'
import { putTable } from '#lib/server/tables/put.ts'
import { getReach } from '#lib/server/tables/reach.ts'
import { readPolicy } from '#lib/server/tables/read-policy.ts'

const nameOf = (request: ApiRequest) => partsAfter(request, 'tables').join('/')

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('table.get', 'viewer', async ({ actor, request, query }) => {
    const name = nameOf(request)
    const table = await getTable(actor, name)
    const { include } = query(tableQuerySchema)
    const more = {
      ...(include === 'versions' && { versions: await listTableVersions(actor, name) }),
      ...(include === 'reach' && { reach: await getReach(actor, name) }),
    }
    return json({ ...table, ...more }, { headers: { etag: etag(table.version) } })
  }),
  PUT: consoleRoute('table.put', 'admin', async ({ actor, request, body, traceId }) => {
    const policy = readPolicy(nameOf(request), body)
    const { table, created } = await putTable(actor, {
      policy,
      version: optionalVersion(request.headers),
      traceId,
    })
    return json(table, { status: created ? 201 : 200, headers: { etag: etag(table.version) } })
  }),
})
