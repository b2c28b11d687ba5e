import type { NextAuthOptions } from 'next-auth'
import { decode, encode } from 'next-auth/jwt'
import { headers as requestHeaders } from 'next/headers'
import { redirect } from 'next/navigation'
import { cache } from 'react'
import { z } from 'zod'
import { AppError } from '#lib/protocol/errors.ts'
import { logger } from '#lib/telemetry/log.ts'
import { personActor, type Actor } from './actor.ts'
import { findApiKey } from './api-keys/authenticate.ts'
import { isDeviceToken } from './devices/token.ts'
import { clientAddress } from './http/client-address.ts'
import { expectedError } from './http/expected-error.ts'
import { bearerToken } from './tokens.ts'
import { admitOidc, oidcProvider } from './users/oidc.ts'
import { signIn } from './users/sign-in.ts'
import { selectUser, selectUserByEmail, type UserRow } from './users/store.ts'

/** A console stays open through a week's shifts; what ends a session earlier is `sessionVersion`. */
const sessionSeconds = 7 * 24 * 3600

/** What the cookie says. That it still holds is asked of the database, at every request. */
const claimsSchema = z.object({ sub: z.uuid(), sessionVersion: z.int() })

/** next-auth, as this request needs it: cookies are marked secure where the client came by https. */
export function authOptions(headers: Headers): NextAuthOptions {
  const oidc = oidcProvider()
  return {
    secret: sessionSecret(),
    useSecureCookies: cameByHttps(headers),
    session: { strategy: 'jwt', maxAge: sessionSeconds },
    pages: { signIn: '/sign-in', error: '/sign-in' },
    providers: [
      {
        id: 'credentials',
        name: 'E-mail and password',
        type: 'credentials',
        credentials: { email: { type: 'email' }, password: { type: 'password' } },
        authorize: (credentials) => authorizeCredentials(credentials, clientAddress(headers)),
      },
      ...(oidc ? [oidc] : []),
    ],
    callbacks: {
      async signIn({ account, profile }) {
        if (account?.provider === 'oidc') await admitOidc(profile)
        return true
      },
      async jwt({ token, user }) {
        if (user) return claimsOf(await selectUserByEmail(user.email ?? ''))
        if (await holder(token)) return token
        throw new AppError('unauthenticated', 'This session was ended.')
      },
      async session({ session, token }) {
        const user = await holder(token)
        return user ? { ...session, user: { name: user.name, email: user.email, role: user.role } } : session
      },
    },
    logger: {
      warn: () => {},
      debug: () => {},
      error: (code) => logger.info({ event: 'auth.refused', code }, 'next-auth refused a request'),
    },
  }
}

/**
 * Who calls the console API: an API key where one was sent, else the person behind the session cookie.
 * @throws AppError `unauthenticated`, or `forbidden` for a device token, which opens the device routes alone
 */
export async function authenticateCaller(headers: Headers): Promise<Actor> {
  const token = bearerToken(headers)
  if (token === null) {
    const actor = headers.has('authorization') ? null : await sessionActor(headers)
    if (actor) return actor
    throw new AppError('unauthenticated', 'Sign in, or send an API key as Authorization: Bearer.')
  }
  const actor = await findApiKey(token)
  if (actor) return actor
  if (await isDeviceToken(token)) {
    throw new AppError(
      'forbidden',
      'This is a device token. It opens the device routes alone; use an API key here.',
    )
  }
  throw new AppError('unauthenticated', 'This API key is not valid, or no longer.')
}

/** The person behind the session cookie, as the database knows them now; null where the session does not hold. */
export async function sessionActor(headers: Headers): Promise<Actor | null> {
  const token = sessionCookie(headers)
  if (token === null) return null
  const claims = await decode({ token, secret: sessionSecret() }).catch(() => null)
  const user = claims && (await holder(claims))
  return user ? personActor({ id: user.id, name: user.email, role: user.role, via: 'session' }) : null
}

const pageActor = cache(async () => sessionActor(await requestHeaders()))

/** For pages: who is signed in. Sends everybody else to the sign-in page and back here afterwards. */
export async function requirePerson(): Promise<Actor> {
  const actor = await pageActor()
  if (actor) return actor
  // proxy.ts says which page was asked for; server components cannot see it.
  const path = (await requestHeaders()).get('x-holdfast-path') ?? '/'
  redirect(path === '/' ? '/sign-in' : `/sign-in?callbackUrl=${encodeURIComponent(path)}`)
}

/** Set-Cookie of a fresh session, for whoever stays signed in while all other sessions end. */
export async function freshSessionCookie(userId: string, headers: Headers): Promise<string> {
  const token = await encode({
    token: claimsOf(await selectUser(userId)),
    secret: sessionSecret(),
    maxAge: sessionSeconds,
  })
  const secure = cameByHttps(headers)
  const attributes = `Path=/; HttpOnly; SameSite=Lax; Max-Age=${sessionSeconds}${secure ? '; Secure' : ''}`
  return `${cookieName(secure)}=${token}; ${attributes}`
}

async function authorizeCredentials(credentials: unknown, network: string) {
  try {
    const user = await signIn(credentials, network)
    return { id: user.id, name: user.name, email: user.email }
  } catch (error) {
    // next-auth puts the message into the address of the sign-in page: a code, which the page puts into words.
    if (error instanceof AppError && error.code === 'unauthenticated') return null
    if (error instanceof AppError) throw new Error(error.code, { cause: error })
    logger.error({ event: 'sign_in.error', err: error }, 'sign-in could not be decided')
    throw new Error(expectedError(error).code, { cause: error })
  }
}

function claimsOf(user: UserRow | null): { sub: string; sessionVersion: number } {
  if (!user) throw new AppError('unauthenticated', 'This account no longer exists.')
  return { sub: user.id, sessionVersion: user.session_version }
}

/** The user whose session this is, null once it was ended or the account is gone. */
async function holder(token: unknown): Promise<UserRow | null> {
  const claims = claimsSchema.safeParse(token)
  if (!claims.success) return null
  const user = await selectUser(claims.data.sub)
  return user && !user.disabled_at && user.session_version === claims.data.sessionVersion ? user : null
}

function sessionCookie(headers: Headers): string | null {
  const name = cookieName(cameByHttps(headers))
  const pairs = (headers.get('cookie') ?? '').split(';').map((pair) => pair.trim())
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? null
}

function cookieName(secure: boolean): string {
  return `${secure ? '__Secure-' : ''}next-auth.session-token`
}

/** Next sets the header from the socket; a proxy's own counts only where it is trusted (client-address.ts). */
function cameByHttps(headers: Headers): boolean {
  return headers.get('x-forwarded-proto')?.split(',')[0]?.trim() === 'https'
}

/** `scripts/start` makes it once and keeps it with the data. */
function sessionSecret(): string {
  const secret = process.env['HOLDFAST_SESSION_SECRET']
  if (!secret || secret.length < 32) {
    throw new Error('HOLDFAST_SESSION_SECRET must have 32 characters or more; `npm start` makes one')
  }
  return secret
}
