'use client'

import { createContext, use, useCallback, useMemo, useSyncExternalStore, type ReactNode } from 'react'

type ClockSetting = { now: number; timeZone: string }

const Clock = createContext<ClockSetting>({ now: 0, timeZone: 'UTC' })

/**
 * Gives the page one now and one time zone. The first paint uses the server's now, so that the markup
 * the browser takes over is the one that was sent; then it ticks.
 */
export function ClockProvider({ now, timeZone, children }: ClockSetting & { children: ReactNode }) {
  const setting = useMemo(() => ({ now, timeZone }), [now, timeZone])
  return <Clock value={setting}>{children}</Clock>
}

const tickMs = 5_000
let tick = 0
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => {
    tick = Date.now()
    for (const each of listeners) each()
  }, tickMs)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

/** Milliseconds; moves every five seconds. */
export function useNow(): number {
  const { now } = use(Clock)
  const snapshot = useCallback(() => Math.max(tick, now), [now])
  return useSyncExternalStore(subscribe, snapshot, () => now)
}

export function useTimeZone(): string {
  return use(Clock).timeZone
}
