'use client'

import { ProblemNotice } from '#components/api/problem-notice.tsx'
import { write } from '#components/api/request.ts'
import { useWrite } from '#components/api/use-write.ts'
import { Button } from '#components/ui/button.tsx'
import { signOutHere } from './sign-out.ts'

/** Ending this session, or all of them at once, for a laptop that was left somewhere. */
export function Sessions() {
  const { busy, problem, run } = useWrite()
  const everywhere = () =>
    run(async () => {
      await write('/api/v1/account/sign-out-everywhere')
      await signOutHere()
    })
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap gap-2">
        <Button onClick={() => void signOutHere()}>Sign out</Button>
        <Button kind="danger" busy={busy} onClick={() => void everywhere()}>
          Sign out everywhere
        </Button>
      </div>
      <ProblemNotice title="Not signed out everywhere" problem={problem} />
    </div>
  )
}
