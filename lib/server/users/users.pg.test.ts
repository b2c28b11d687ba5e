import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DELETE as removeUser, PUT as setRole } from '../../../app/api/v1/users/[id]/route.ts'
import { POST as createUser } from '../../../app/api/v1/users/route.ts'
import { call, everybody, newPerson, testPassword, type Everybody } from '../testing/everybody.ts'
import { admitOidc } from './oidc.ts'
import { signIn } from './sign-in.ts'

let all: Everybody
beforeAll(async () => {
  all = await everybody()
})
afterAll(() => all.close())

describe('sign-in', () => {
  test('the same answer for a wrong password and for nobody', async () => {
    const { email } = await newPerson()
    const wrong = signIn({ email, password: 'not the password' }, 'network-1')
    const nobody = signIn({ email: 'nobody@holdfast.test', password: 'not the password' }, 'network-1')
    const messages = (await Promise.allSettled([wrong, nobody])).map(
      (result) => result.status === 'rejected' && String(result.reason),
    )
    expect(messages[0]).toBe(messages[1])
    expect(messages[0]).toContain('E-mail or password is wrong')
  })

  test('an account is closed for a while after ten wrong passwords, from wherever; a right one before clears the count', async () => {
    const { email } = await newPerson()
    const guess = (i: number) =>
      signIn({ email: email.toUpperCase(), password: `guess ${i}` }, `network-${i}`).catch(
        (error: { code: string }) => error.code,
      )
    for (let i = 0; i < 9; i++) expect(await guess(i)).toBe('unauthenticated')
    expect(await signIn({ email, password: testPassword }, 'home')).toMatchObject({ email })
    const guesses = await Promise.all(Array.from({ length: 14 }, (_, i) => guess(i)))
    expect(guesses.filter((code) => code === 'unauthenticated')).toHaveLength(10)
    expect(guesses.filter((code) => code === 'throttled')).toHaveLength(4)
    await expect(signIn({ email, password: testPassword }, 'home')).rejects.toMatchObject({
      code: 'throttled',
    })
  })

  test('a network is closed for a while after sixty wrong passwords; right ones do not count', async () => {
    const { email } = await newPerson()
    for (let i = 0; i < 3; i++) await signIn({ email, password: testPassword }, 'office')
    await all.own.db
      .$executeRaw`UPDATE rate_limit SET points = 60 WHERE key LIKE 'sign_in_network:%' AND points = 0`
    await expect(signIn({ email, password: testPassword }, 'office')).rejects.toMatchObject({
      code: 'throttled',
    })
    expect(await signIn({ email, password: testPassword }, 'elsewhere')).toMatchObject({ email })
  })

  test.each([
    null,
    {},
    { email: 'a@b.test' },
    { email: ['a'], password: {} },
    { email: 'x'.repeat(9_999), password: 'y' },
  ])('nonsense (%o) is refused, not a fault', async (credentials) => {
    await expect(signIn(credentials, 'nonsense')).rejects.toMatchObject({ code: 'unauthenticated' })
  })
})

describe('people', () => {
  test('the last administrator stays one', async () => {
    await all.own.db
      .$executeRaw`UPDATE user_account SET role = 'viewer' WHERE id <> ${all.people.admin.id}::uuid`
    const id = all.people.admin.id
    expect(await call(removeUser, { method: 'DELETE', headers: all.keys.admin, id })).toMatchObject({
      status: 409,
    })
    expect(
      await call(setRole, { method: 'PUT', headers: all.keys.admin, id, body: { role: 'operator' } }),
    ).toMatchObject({ status: 409 })
    const created = await call(createUser, {
      method: 'POST',
      headers: all.keys.admin,
      body: { email: 'Second@Holdfast.test', role: 'admin' },
    })
    expect(created).toMatchObject({ status: 201, body: { email: 'second@holdfast.test' } })
    expect(
      await signIn({ email: 'second@holdfast.test', password: created.body['secret'] }, 'test'),
    ).toMatchObject({ role: 'admin' })
    const again = await call(createUser, {
      method: 'POST',
      headers: all.keys.admin,
      body: { email: 'second@holdfast.test' },
    })
    expect(again).toMatchObject({ status: 409, body: { code: 'conflict' } })
  })

  test('single sign-on admits as viewer, or in the role it claims, and not on an unverified e-mail', async () => {
    expect(await admitOidc({ sub: '1', email: 'new@idp.test', email_verified: true })).toMatchObject({
      role: 'viewer',
    })
    expect(await admitOidc({ sub: '1', email: 'new@idp.test', role: ['viewer', 'operator'] })).toMatchObject({
      role: 'operator',
    })
    await expect(admitOidc({ sub: '2', email: 'x@idp.test', email_verified: false })).rejects.toMatchObject({
      code: 'forbidden',
    })
    // An account with a password is not handed to whoever the provider lets have its e-mail.
    await expect(admitOidc({ sub: '3', email: all.people.admin.email })).rejects.toMatchObject({
      code: 'forbidden',
    })
  })
})
