'use client'

import { clsx } from 'clsx'
import { usePathname } from 'next/navigation'
import { Count } from '#components/ui/badge.tsx'
import { Icon } from '#components/ui/icon.tsx'
import type { Theme } from '#components/theme/theme.ts'
import { Mark } from './mark.tsx'
import { isHere, navigation, type WaitingCounts } from './navigation.ts'
import { PersonMenu, type Person } from './person-menu.tsx'
import { Link } from '#components/ui/link.tsx'

export function Sidebar({
  person,
  waiting,
  theme,
}: {
  person: Person
  waiting: WaitingCounts
  theme: Theme
}) {
  const pathname = usePathname()
  return (
    <aside className="sticky top-0 flex h-dvh w-52 shrink-0 flex-col border-r border-line bg-sunken phone:hidden">
      <Link href="/" className="flex h-12 items-center gap-2 px-4 text-14 font-semibold tracking-tight">
        <Mark /> Holdfast
      </Link>
      <nav aria-label="Main" className="flex flex-1 flex-col gap-4 overflow-y-auto px-2 py-2">
        {navigation.map((group) => (
          <div key={group.name}>
            <h2 className="px-2 pb-1 text-12 text-faint">{group.name}</h2>
            <ul className="flex flex-col gap-px">
              {group.items.map((item) => {
                const here = isHere(item.href, pathname)
                return (
                  <li key={item.href}>
                    <Link
                      href={item.href}
                      aria-current={here ? 'page' : undefined}
                      className={clsx(
                        'pressable flex h-7 items-center gap-2 rounded-md px-2 font-medium touch:h-11',
                        here ? 'bg-hover text-ink' : 'text-muted hover:bg-hover hover:text-ink',
                      )}
                    >
                      <Icon name={item.icon} className={clsx('shrink-0', here ? 'text-ink' : 'text-faint')} />
                      <span className="flex-1">{item.label}</span>
                      {item.count ? <Count value={waiting[item.count]} /> : null}
                    </Link>
                  </li>
                )
              })}
            </ul>
          </div>
        ))}
      </nav>
      <div className="border-t border-line p-2">
        <PersonMenu person={person} theme={theme} />
      </div>
    </aside>
  )
}
