'use client'

import { useSyncExternalStore } from 'react'

const never = () => () => {}

/** False while the markup must be the server's, true from then on. */
export function useHydrated(): boolean {
  return useSyncExternalStore(
    never,
    () => true,
    () => false,
  )
}
