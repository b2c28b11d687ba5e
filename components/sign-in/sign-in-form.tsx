'use client'

import { signIn } from 'next-auth/react'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Field, Input } from '#components/ui/field.tsx'
import { formText } from '#components/ui/form-text.ts'
import { Notice } from '#components/ui/notice.tsx'

const refusals: Record<string, { title: string; detail: string }> = {
  CredentialsSignin: { title: 'E-mail or password is wrong', detail: 'Check both and try again.' },
  throttled: { title: 'Too many attempts', detail: 'Wait ten minutes, then try again.' },
  unavailable: {
    title: 'The database does not answer in time',
    detail: 'Nothing is lost. Try again in a moment.',
  },
}
const otherRefusal = {
  title: 'You could not be signed in',
  detail: 'Try again; if it goes on, ask an admin.',
}

type SignInFormProps = { callbackPath: string; refusal?: string | undefined; oidc: boolean }

export function SignInForm({ callbackPath, refusal: given, oidc }: SignInFormProps) {
  const [refusal, setRefusal] = useState(given)
  const [busy, setBusy] = useState(false)
  const said = refusal === undefined ? undefined : (refusals[refusal] ?? otherRefusal)

  const submit = async (form: FormData) => {
    setBusy(true)
    setRefusal(undefined)
    try {
      const reply = await signIn('credentials', {
        email: formText(form, 'email'),
        password: formText(form, 'password'),
        redirect: false,
      })
      if (reply?.ok && !reply.error) return window.location.assign(callbackPath)
      setRefusal(reply?.error ?? 'internal')
    } catch {
      setRefusal('unavailable')
    }
    setBusy(false)
  }

  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        void submit(new FormData(event.currentTarget))
      }}
    >
      {said ? (
        <Notice state="critical" title={said.title} alert>
          {said.detail}
        </Notice>
      ) : null}
      <Field label="E-mail">
        {(control) => (
          <Input {...control} name="email" type="email" autoComplete="username" required spellCheck={false} />
        )}
      </Field>
      <Field label="Password">
        {(control) => (
          <Input {...control} name="password" type="password" autoComplete="current-password" required />
        )}
      </Field>
      <Button kind="primary" type="submit" busy={busy} className="h-8 w-full">
        {busy ? 'Signing in…' : 'Sign in'}
      </Button>
      {oidc ? (
        <Button className="h-8 w-full" onClick={() => void signIn('oidc', { callbackUrl: callbackPath })}>
          Sign in with single sign-on
        </Button>
      ) : null}
    </form>
  )
}
