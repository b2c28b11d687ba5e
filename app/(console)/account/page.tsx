import type { Metadata } from 'next'
import { cookies } from 'next/headers'
import { PasswordForm } from '#components/account/password-form.tsx'
import { Sessions } from '#components/account/sessions.tsx'
import { TimeZoneChoice } from '#components/account/time-zone-choice.tsx'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import { parseTimeZone, timeZoneCookie } from '#components/theme/theme.ts'
import { Fact, Facts, Panel } from '#components/ui/panel.tsx'
import { loadPage } from '#lib/server/http/page.ts'

export const metadata: Metadata = { title: 'Account' }

const rights = {
  viewer: 'You see everything and change nothing.',
  operator: 'You see everything, and replay, discard and restore dead letters.',
  admin: 'You see and do everything: conflicts, devices, tables, keys, people.',
}

export default async function Page() {
  const { actor } = await loadPage('account', async () => null)
  const timeZone = parseTimeZone((await cookies()).get(timeZoneCookie)?.value)
  return (
    <>
      <PageHeader title="Account" />
      <PageBody>
        <div className="flex max-w-140 flex-col gap-4">
          <Panel title="You">
            <Facts>
              <Fact name="E-mail">{actor.name}</Fact>
              <Fact name="Role">
                {actor.role} <span className="text-faint">· {rights[actor.role]}</span>
              </Fact>
            </Facts>
          </Panel>
          <Panel title="Times">
            <TimeZoneChoice timeZone={timeZone} />
          </Panel>
          <Panel title="Password">
            <PasswordForm />
          </Panel>
          <Panel title="Sessions">
            <Sessions />
          </Panel>
        </div>
      </PageBody>
    </>
  )
}
