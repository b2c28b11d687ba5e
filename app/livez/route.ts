import { endpoint, openRoute } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

/** The process lives. Never asks the database, so that an outage there restarts nothing. */
export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: openRoute('process.live', async () => json({ status: 'live' })),
})
