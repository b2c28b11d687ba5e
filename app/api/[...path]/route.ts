import { AppError } from '#lib/protocol/errors.ts'
import { openRoute } from '#lib/server/http/door.ts'

/** Whatever address no other route has. */
const unknown = openRoute('address.unknown', () => {
  throw new AppError('not_found', 'There is no such address in this API.')
})

export { unknown as DELETE, unknown as GET, unknown as PATCH, unknown as POST, unknown as PUT }
