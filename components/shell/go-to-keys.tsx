'use client'

import { useRouter } from 'next/navigation'
import { useShortcuts } from '#components/keyboard/shortcuts.ts'
import { navigation } from './navigation.ts'

/** `g d` goes to Devices, and so on; `/` goes to the page's search. */
export function GoToKeys() {
  const router = useRouter()
  useShortcuts([
    { keys: '/', does: 'Search this list', group: 'Everywhere', run: focusSearch },
    ...navigation
      .flatMap((group) => group.items)
      .map((item) => ({
        keys: `g ${item.key}`,
        does: `Go to ${item.label}`,
        group: 'Everywhere',
        run: () => router.push(item.href),
      })),
  ])
  return null
}

function focusSearch(): void {
  document.querySelector<HTMLInputElement>('input[type="search"]')?.focus()
}
