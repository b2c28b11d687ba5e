import { getDeadLetter } from '#lib/server/dead-letters/get.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { itemId } from '#lib/server/http/path.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('dead_letter.get', 'viewer', async ({ actor, params }) => {
    const letter = await getDeadLetter(actor, itemId(params))
    return json(letter, { headers: { etag: letter.etag } })
  }),
})
