import { endpoint, openRoute } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'
import { checkReady } from '#lib/server/readiness/check.ts'

/** The process can serve: the database answers and has its tables. */
export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: openRoute('process.ready', async () => {
    await checkReady()
    return json({ status: 'ready' })
  }),
})
