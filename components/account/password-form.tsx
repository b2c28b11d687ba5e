'use client'

import { useState } from 'react'
import { ProblemNotice } from '#components/api/problem-notice.tsx'
import { write } from '#components/api/request.ts'
import { useWrite } from '#components/api/use-write.ts'
import { Button } from '#components/ui/button.tsx'
import { Field, Input } from '#components/ui/field.tsx'
import { formText } from '#components/ui/form-text.ts'
import { Notice } from '#components/ui/notice.tsx'
import { passwordLength } from '#lib/protocol/access.ts'

/** Changing the password ends every other session; this one goes on. */
export function PasswordForm() {
  const [changed, setChanged] = useState(false)
  const { busy, problem, run } = useWrite()
  const submit = async (form: HTMLFormElement) => {
    const data = new FormData(form)
    setChanged(false)
    const done = await run(async () => {
      await write('/api/v1/account/password', {
        body: { current_password: formText(data, 'current'), new_password: formText(data, 'next') },
      })
    })
    if (!done) return
    form.reset()
    setChanged(true)
  }
  return (
    <form
      className="flex flex-col gap-3"
      onSubmit={(event) => {
        event.preventDefault()
        void submit(event.currentTarget)
      }}
    >
      <Field label="Current password">
        {(control) => (
          <Input {...control} name="current" type="password" autoComplete="current-password" required />
        )}
      </Field>
      <Field label="New password" hint={`At least ${passwordLength.min} characters; length is what counts.`}>
        {(control) => (
          <Input
            {...control}
            name="next"
            type="password"
            autoComplete="new-password"
            required
            minLength={passwordLength.min}
            maxLength={passwordLength.max}
          />
        )}
      </Field>
      <ProblemNotice title="The password was not changed" problem={problem} />
      {changed ? (
        <Notice state="healthy" title="The password was changed" alert>
          Your other sessions have ended; this one goes on.
        </Notice>
      ) : null}
      <div>
        <Button kind="primary" type="submit" busy={busy}>
          Change password
        </Button>
      </div>
    </form>
  )
}
