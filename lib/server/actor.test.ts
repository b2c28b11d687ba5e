import { expect, test } from 'vitest'
import { personActor } from './actor.ts'
import { createApiKey } from './api-keys/create.ts'
import { listApiKeys } from './api-keys/list.ts'
import { revokeApiKey } from './api-keys/revoke.ts'
import { verifyAudit } from './audit/verify.ts'
import { resyncDevice } from './devices/resync.ts'
import { setDeviceScopes } from './devices/set-scopes.ts'
import { changeDeviceStatus } from './devices/set-status.ts'
import { createEnrollmentKey } from './enrollment-keys/create.ts'
import { listEnrollmentKeys } from './enrollment-keys/list.ts'
import { revokeEnrollmentKey } from './enrollment-keys/revoke.ts'
import { createUser } from './users/create.ts'
import { listUsers } from './users/list.ts'
import { removeUser } from './users/remove.ts'
import { setUserRole } from './users/set-role.ts'

test('every verb of administration refuses an operator by itself, whoever calls it', async () => {
  const operator = personActor({
    id: crypto.randomUUID(),
    name: 'operator',
    role: 'operator',
    via: 'session',
  })
  const id = crypto.randomUUID()
  const verbs = {
    verifyAudit: () => verifyAudit(operator),
    listApiKeys: () => listApiKeys(operator),
    createApiKey: () => createApiKey(operator, { name: 'x' }),
    revokeApiKey: () => revokeApiKey(operator, id),
    listEnrollmentKeys: () => listEnrollmentKeys(operator),
    createEnrollmentKey: () => createEnrollmentKey(operator, { name: 'x' }),
    revokeEnrollmentKey: () => revokeEnrollmentKey(operator, id),
    listUsers: () => listUsers(operator),
    createUser: () => createUser(operator, { email: 'x@holdfast.test' }),
    setUserRole: () => setUserRole(operator, id, 'admin'),
    removeUser: () => removeUser(operator, id),
    changeDeviceStatus: () => changeDeviceStatus(operator, 'revoke', { id }),
    resyncDevice: () => resyncDevice(operator, { id }),
    setDeviceScopes: () => setDeviceScopes(operator, { id, version: 1 }, { scopes: [] }),
  }
  const answers = Object.entries(verbs).map(async ([name, verb]) => {
    const code = await verb().then(
      () => 'done',
      (error: { code?: string }) => error.code,
    )
    return [name, code]
  })
  const expected = Object.keys(verbs).map((name) => [name, 'forbidden'])
  expect(await Promise.all(answers)).toEqual(expected)
})
