import type { Metadata } from 'next'
import { headers } from 'next/headers'
import { redirect } from 'next/navigation'
import { Mark } from '#components/shell/mark.tsx'
import { SignInForm } from '#components/sign-in/sign-in-form.tsx'
import { sessionActor } from '#lib/server/auth.ts'
import { oidcProvider } from '#lib/server/users/oidc.ts'

export const metadata: Metadata = { title: 'Sign in' }

type SignInPageProps = {
  searchParams: Promise<{ callbackUrl?: string | string[]; error?: string | string[] }>
}

export default async function SignInPage({ searchParams }: SignInPageProps) {
  const { callbackUrl, error } = await searchParams
  const callbackPath = ownPath(callbackUrl)
  const actor = await sessionActor(await headers()).catch(() => null)
  if (actor) redirect(callbackPath)
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center px-6 pb-[12vh]">
      <div className="w-full max-w-80">
        <div className="mb-6 flex flex-col items-center gap-3 text-center">
          <Mark size={36} />
          <h1 className="text-20 font-semibold tracking-tight">Sign in to Holdfast</h1>
        </div>
        <SignInForm
          callbackPath={callbackPath}
          refusal={typeof error === 'string' ? error : undefined}
          oidc={oidcProvider() !== null}
        />
      </div>
    </main>
  )
}

/** Where to go afterwards: a path of this site and nothing else, whatever the address says. */
function ownPath(callbackUrl: string | string[] | undefined): string {
  const base = 'http://own.invalid'
  if (typeof callbackUrl !== 'string' || !URL.canParse(callbackUrl, base)) return '/'
  const { pathname, search } = new URL(callbackUrl, base)
  // Two slashes at the start would name another host.
  return `${pathname.replace(/^\/+/, '/')}${search}`
}
