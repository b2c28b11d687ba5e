import type { ReactNode } from 'react'
import { InterruptedBanner, LiveStatus } from '#components/live/live-status.tsx'
import { Icon } from '#components/ui/icon.tsx'
import { Link } from '#components/ui/link.tsx'

type PageHeaderProps = {
  title: ReactNode
  /** The list this page came from. */
  back?: { href: string; label: string }
  aside?: ReactNode
  actions?: ReactNode
  /** When the page's data was read, ms; absent where it does not age. */
  asOf?: number
}

/** The bar at the top of every page: where you are, how fresh it is, what can be done. It stays while the list scrolls. */
export function PageHeader({ title, back, aside, actions, asOf }: PageHeaderProps) {
  return (
    <>
      <header className="sticky top-0 z-20 flex h-12 items-center gap-3 border-b border-line bg-canvas px-4 lg:px-6">
        {back ? (
          <Link
            href={back.href}
            className="pressable flex items-center gap-1 rounded-sm text-muted hover:text-ink"
          >
            <Icon name="arrow-left" className="md:hidden" />
            <span className="phone:sr-only">{back.label}</span>
            <Icon name="chevron-right" width={14} height={14} className="text-faint phone:hidden" />
          </Link>
        ) : null}
        <h1 className="min-w-0 truncate text-14 font-semibold">{title}</h1>
        <div className="min-w-0 flex-1 truncate text-faint">{aside}</div>
        {asOf === undefined ? null : <LiveStatus asOf={asOf} />}
        {actions ? <div className="flex items-center gap-2">{actions}</div> : null}
      </header>
      {asOf === undefined ? null : <InterruptedBanner asOf={asOf} />}
    </>
  )
}

/** The space under a page's header. */
export function PageBody({ children }: { children: ReactNode }) {
  return <div className="flex flex-col gap-4 px-4 py-4 pb-24 lg:px-6 md:pb-8">{children}</div>
}
