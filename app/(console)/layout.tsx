import { cookies } from 'next/headers'
import type { ReactNode } from 'react'
import { GoToKeys } from '#components/shell/go-to-keys.tsx'
import { KeyboardHelp } from '#components/keyboard/keyboard-help.tsx'
import { KeepStream } from '#components/live/keep-stream.tsx'
import { BottomBar } from '#components/shell/bottom-bar.tsx'
import { Sidebar } from '#components/shell/sidebar.tsx'
import { parseTheme, themeCookie } from '#components/theme/theme.ts'
import { loadPage } from '#lib/server/http/page.ts'
import { countWaiting } from './waiting.ts'

export default async function ConsoleLayout({ children }: { children: ReactNode }) {
  const { actor, data: waiting } = await loadPage('shell', countWaiting)
  const theme = parseTheme((await cookies()).get(themeCookie)?.value)
  return (
    <div className="flex">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-surface focus:px-3 focus:py-2"
      >
        Skip to the content
      </a>
      <Sidebar person={{ name: actor.name, role: actor.role }} waiting={waiting} theme={theme} />
      <main id="content" tabIndex={-1} className="min-w-0 flex-1 outline-none">
        {children}
      </main>
      <BottomBar waiting={waiting} theme={theme} />
      <KeepStream />
      <GoToKeys />
      <KeyboardHelp />
    </div>
  )
}
