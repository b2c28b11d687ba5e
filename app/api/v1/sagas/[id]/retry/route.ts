import { retrySagaSchema } from '#lib/protocol/sagas.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'
import { retrySaga } from '#lib/server/sagas/retry.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  POST: consoleRoute('saga.retry', 'operator', async ({ actor, id, version, body, traceId }) => {
    const { reason, edits } = body(retrySagaSchema)
    const saga = await retrySaga(actor, { id: id(), version: version(), reason, edits, traceId })
    return json(saga, { headers: { etag: saga.etag } })
  }),
})
