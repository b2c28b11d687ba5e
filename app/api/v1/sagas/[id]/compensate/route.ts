import { reasonSchema } from '#lib/protocol/console.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'
import { compensateSaga } from '#lib/server/sagas/compensate.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  POST: consoleRoute('saga.compensate', 'operator', async ({ actor, id, version, body, traceId }) => {
    const { reason } = body(reasonSchema)
    const saga = await compensateSaga(actor, { id: id(), version: version(), reason, traceId })
    return json(saga, { headers: { etag: saga.etag } })
  }),
})
