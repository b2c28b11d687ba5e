import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemActor } from '../actor.ts'
import { findApiKey } from '../api-keys/authenticate.ts'
import { listApiKeys } from '../api-keys/list.ts'
import { revokeApiKey } from '../api-keys/revoke.ts'
import { listEnrollmentKeys } from '../enrollment-keys/list.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { ensureBootstrapKeys } from './bootstrap-keys.ts'
import { ensureFirstAdmin } from './first-admin.ts'
import { listUsers } from './list.ts'
import { hashPassword } from './password.ts'
import { signIn } from './sign-in.ts'
import { selectUserByEmail, setPassword } from './store.ts'

let own: TestDatabase
const system = systemActor('test')
beforeAll(async () => {
  own = await testDatabase()
  process.env['DATABASE_URL'] = own.url
})
afterAll(() => own.close())

const email = 'Admin@Holdfast.local'
const signsIn = (password: string) =>
  signIn({ email, password }, 'test').then(
    () => true,
    () => false,
  )

test('the first start makes up a password and says it once, also where several start at the same time', async () => {
  const starts = await Promise.all([1, 2, 3].map(() => ensureFirstAdmin({ email })))
  const said = starts.filter((start) => start.generatedPassword !== null)
  expect(said).toHaveLength(1)
  const { generatedPassword } = said[0]!
  expect(generatedPassword).toMatch(/^[\w-]{20}$/)
  expect(await signsIn(generatedPassword!)).toBe(true)
  expect(await ensureFirstAdmin({ email })).toEqual({ generatedPassword: null })
  expect(await signsIn(generatedPassword!)).toBe(true)
  expect((await listUsers(system)).items).toMatchObject([{ email: 'admin@holdfast.local', role: 'admin' }])
})

test('a password in the environment is taken over once; one changed in the console survives restarts', async () => {
  await ensureFirstAdmin({ email, password: 'from the environment' })
  expect(await signsIn('from the environment')).toBe(true)
  const user = await selectUserByEmail(email)
  await setPassword(own.db, user!.id, await hashPassword('changed in the console'))
  await ensureFirstAdmin({ email, password: 'from the environment' })
  expect(await signsIn('changed in the console')).toBe(true)
  expect(await signsIn('from the environment')).toBe(false)
})

test('another password in the environment resets a forgotten one and ends its sessions', async () => {
  const before = await selectUserByEmail(email)
  await ensureFirstAdmin({ email, password: 'another one' })
  expect(await signsIn('another one')).toBe(true)
  expect((await selectUserByEmail(email))!.session_version).toBeGreaterThan(before!.session_version)
})

test('another address in the environment adds an administrator only with a password', async () => {
  await ensureFirstAdmin({ email: 'second@holdfast.local' })
  expect((await listUsers(system)).total).toBe(1)
  await ensureFirstAdmin({ email: 'second@holdfast.local', password: 'its password' })
  expect((await listUsers(system)).items.map((user) => user.role)).toEqual(['admin', 'admin'])
})

test('keys of the environment work, are added once, and stay revoked', async () => {
  const keys = { apiKey: 'an api key of the operator', enrollmentKey: 'an enrolment key of the operator' }
  await ensureBootstrapKeys(keys)
  await ensureBootstrapKeys(keys)
  await ensureBootstrapKeys({})
  expect(await findApiKey(keys.apiKey)).toMatchObject({ role: 'admin', via: 'api_key' })
  const { items } = await listApiKeys(system)
  expect(items).toHaveLength(1)
  expect((await listEnrollmentKeys(system)).items).toMatchObject([{ scopes: ['*'], max_uses: null }])
  await revokeApiKey(system, items[0]!.id)
  await ensureBootstrapKeys(keys)
  expect(await findApiKey(keys.apiKey)).toBeNull()
})
