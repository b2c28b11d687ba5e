// `POST /sync` is the protocol's short name for the versioned route.
export { DELETE, GET, PATCH, POST, PUT } from '../api/v1/sync/route.ts'

export const dynamic = 'force-dynamic'
