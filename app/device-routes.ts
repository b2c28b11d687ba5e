import type { NodeRoutes } from '#lib/server/http/node-door.ts'
import * as digest from './api/v1/digest/route.ts'
import * as enroll from './api/v1/enroll/route.ts'
import * as pokes from './api/v1/pokes/route.ts'
import * as snapshot from './api/v1/snapshot/route.ts'
import * as sync from './api/v1/sync/route.ts'

/** Every address that devices call, for the server to answer beside Next (scripts/web.ts). */
export const deviceRoutes: NodeRoutes = {
  '/sync': sync,
  '/api/v1/sync': sync,
  '/api/v1/snapshot': snapshot,
  '/api/v1/pokes': pokes,
  '/api/v1/digest': digest,
  '/api/v1/enroll': enroll,
}
