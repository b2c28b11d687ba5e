import type { NextAuthOptions } from 'next-auth'
import { z } from 'zod'
import { AppError } from '#lib/protocol/errors.ts'
import { roles, systemActor, type Role } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { recordSignIn } from './sign-in.ts'
import { insertUser, selectUserByEmail, setRole, type UserRow } from './store.ts'

type Provider = NextAuthOptions['providers'][number]

/** What we read of an identity. The role claim is a role, or a list in which the highest one counts. */
const profileSchema = z.looseObject({
  sub: z.string(),
  email: z.email(),
  email_verified: z.boolean().optional(),
  name: z.string().optional(),
})

/** The configured OpenID Connect provider, null where OIDC_ISSUER is not set. */
export function oidcProvider(): Provider | null {
  const issuer = process.env['OIDC_ISSUER']
  const clientId = process.env['OIDC_CLIENT_ID']
  const clientSecret = process.env['OIDC_CLIENT_SECRET']
  if (!issuer || !clientId || !clientSecret) return null
  return {
    id: 'oidc',
    name: process.env['OIDC_NAME'] ?? 'Single sign-on',
    type: 'oauth',
    issuer,
    wellKnown: `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
    clientId,
    clientSecret,
    idToken: true,
    checks: ['pkce', 'state'],
    authorization: { params: { scope: 'openid email profile' } },
    profile: (claims: unknown) => {
      const profile = profileSchema.parse(claims)
      return { id: profile.sub, email: profile.email, name: profile.name ?? profile.email }
    },
  }
}

/**
 * Makes the account of somebody the identity provider vouches for, or brings its role up to date.
 * @throws AppError `forbidden` where the e-mail is not the provider's to vouch for
 */
export async function admitOidc(claims: unknown): Promise<UserRow> {
  const profile = profileSchema.parse(claims)
  const role = claimedRole(profile)
  const known = await selectUserByEmail(profile.email)
  if (profile.email_verified === false || (known?.password_hash && profile.email_verified !== true)) {
    throw new AppError('forbidden', 'oidc_email_not_verified')
  }
  if (known?.disabled_at) throw new AppError('forbidden', 'account_disabled')
  const user = known ? await followRole(known, role) : await createOidcUser(profile, role ?? 'viewer')
  return recordSignIn(user, 'oidc')
}

function claimedRole(profile: z.output<typeof profileSchema>): Role | null {
  const claim = profile[process.env['OIDC_ROLE_CLAIM'] ?? 'role']
  const claimed = Array.isArray(claim) ? claim : [claim]
  return roles.findLast((role) => claimed.includes(role)) ?? null
}

async function followRole(user: UserRow, role: Role | null): Promise<UserRow> {
  if (role === null || role === user.role) return user
  return database().$transaction(async (db) => {
    const changed = await setRole(db, user.id, role)
    const before = { role: user.role }
    await appendAudit(db, [
      {
        actor: systemActor('oidc'),
        action: 'user.set_role',
        target: 'user',
        targetId: user.id,
        before,
        after: { role },
      },
    ])
    return changed ?? user
  })
}

async function createOidcUser(
  profile: { email: string; name?: string | undefined },
  role: Role,
): Promise<UserRow> {
  const name = profile.name ?? profile.email
  return database().$transaction(async (db) => {
    const user = await insertUser(db, { email: profile.email, name, role, passwordHash: null })
    if (!user) throw new AppError('conflict', 'try_again')
    const after = { email: user.email, role }
    await appendAudit(db, [
      { actor: systemActor('oidc'), action: 'user.create', target: 'user', targetId: user.id, after },
    ])
    return user
  })
}
