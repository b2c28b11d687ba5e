import { getDeadLetter } from '#lib/server/dead-letters/get.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('dead_letter.get', 'viewer', async ({ actor, id }) => {
    const letter = await getDeadLetter(actor, id())
    return json(letter, { headers: { etag: letter.etag } })
  }),
})
