import type { IconName } from '#components/ui/icon.tsx'

/** What waits for a person, beside the words of the navigation. */
export type WaitingCounts = { conflicts: number; deadLetters: number; sagas: number }

export type Destination = {
  href: string
  label: string
  icon: IconName
  /** Second key after `g`. */
  key: string
  count?: keyof WaitingCounts
}

export type NavigationGroup = { name: string; items: readonly Destination[] }

/** Only pages that exist. */
export const navigation: readonly NavigationGroup[] = [
  {
    name: 'Operate',
    items: [
      { href: '/', label: 'Health', icon: 'health', key: 'h' },
      { href: '/devices', label: 'Devices', icon: 'devices', key: 'd' },
      { href: '/syncs', label: 'Syncs', icon: 'syncs', key: 's' },
    ],
  },
  {
    name: 'Repair',
    items: [
      { href: '/conflicts', label: 'Conflicts', icon: 'conflicts', key: 'c', count: 'conflicts' },
      { href: '/dead-letters', label: 'Dead letters', icon: 'dead-letters', key: 'l', count: 'deadLetters' },
      { href: '/sagas', label: 'Sagas', icon: 'sagas', key: 'o', count: 'sagas' },
    ],
  },
  {
    name: 'Data',
    items: [
      { href: '/records', label: 'Records', icon: 'records', key: 'r' },
      { href: '/tables', label: 'Tables', icon: 'tables', key: 't' },
    ],
  },
  { name: 'Govern', items: [{ href: '/audit', label: 'Audit', icon: 'audit', key: 'a' }] },
]

/** Whether a destination is where the person is: the page itself or one under it. */
export function isHere(href: string, pathname: string): boolean {
  return href === '/' ? pathname === '/' : pathname === href || pathname.startsWith(`${href}/`)
}
