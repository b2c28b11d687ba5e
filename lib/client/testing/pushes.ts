import { changeSchema, type Change } from '#lib/protocol/sync.ts'
import type { ModelServer } from './model-server.ts'

/** The changes of every sync request from the `from`th request on, request by request, as the protocol reads them. */
export function pushes({ requests }: ModelServer, from = 0): Change[][] {
  return requests
    .slice(from)
    .filter(({ path }) => path === '/api/v1/sync')
    .map(({ body }) => changeSchema.array().parse(body['changes']))
}
