import packageJson from '../../../package.json' with { type: 'json' }
import { endpoint, openRoute } from '#lib/server/http/door.ts'
import { jsonText } from '#lib/server/http/reply.ts'
import { openApiDocument } from '#lib/server/openapi/document.ts'

/** Made once: it follows from the program alone. */
let text: string | null = null

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: openRoute('openapi.get', async () =>
    jsonText([(text ??= JSON.stringify(openApiDocument(packageJson.version)))]),
  ),
})
