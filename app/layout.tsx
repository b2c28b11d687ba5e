import './globals.css'
import { CSPProvider } from '@base-ui/react/csp-provider'
import { GeistMono } from 'geist/font/mono'
import { GeistSans } from 'geist/font/sans'
import type { Metadata, Viewport } from 'next'
import { cookies, headers } from 'next/headers'
import { NuqsAdapter } from 'nuqs/adapters/next/app'
import type { ReactNode } from 'react'
import { parseTheme, parseTimeZone, themeCookie, timeZoneCookie } from '#components/theme/theme.ts'
import { ClockProvider } from '#components/ui/clock.tsx'
import { ToastProvider } from '#components/ui/toast.tsx'
import { TooltipProvider } from '#components/ui/tooltip.tsx'

export const metadata: Metadata = {
  title: { default: 'Holdfast', template: '%s · Holdfast' },
  description: 'Sync server and operations console for fleets of devices that work offline.',
}

export const viewport: Viewport = {
  themeColor: [
    { media: '(prefers-color-scheme: light)', color: '#fafafb' },
    { media: '(prefers-color-scheme: dark)', color: '#0b0c0f' },
  ],
}

/** Every page is rendered per request: its scripts carry that request's nonce. */
export const dynamic = 'force-dynamic'

export default async function RootLayout({ children }: { children: ReactNode }) {
  const jar = await cookies()
  const nonce = (await headers()).get('x-nonce')
  const theme = parseTheme(jar.get(themeCookie)?.value)
  return (
    <html
      lang="en"
      className={`${GeistSans.variable} ${GeistMono.variable}`}
      data-theme={theme === 'system' ? undefined : theme}
    >
      <body>
        <NuqsAdapter>
          <ClockProvider now={Date.now()} timeZone={parseTimeZone(jar.get(timeZoneCookie)?.value)}>
            <CSPProvider {...(nonce ? { nonce } : {})}>
              <TooltipProvider>
                <ToastProvider>{children}</ToastProvider>
              </TooltipProvider>
            </CSPProvider>
          </ClockProvider>
        </NuqsAdapter>
      </body>
    </html>
  )
}
