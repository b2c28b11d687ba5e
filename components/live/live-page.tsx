'use client'

import { useRouter } from 'next/navigation'
import { useEffect, useRef, useTransition } from 'react'
import { listen } from './stream.ts'

type LivePageProps = {
  /** What this page shows; other news leaves it alone. */
  topics: readonly string[]
  /** An absolute range is a photograph: it does not move. */
  paused?: boolean
  /** Between two refreshes: quick enough to feel live, slow enough to be read and to be cheap. */
  restMs?: number
}

/**
 * Keeps a server-rendered page current: when the stream names one of its topics, the page is rendered again on the
 * server and merged in place. Focus, selection and what is being typed stay.
 */
export function LivePage({ topics, paused = false, restMs = 2_500 }: LivePageProps) {
  const router = useRouter()
  const [pending, start] = useTransition()
  const busy = useRef(false)
  useEffect(() => {
    busy.current = pending
  }, [pending])
  const wanted = topics.join(' ')
  useEffect(() => {
    if (paused) return
    const mine = new Set(wanted.split(' '))
    let timer: ReturnType<typeof setTimeout> | undefined
    let refreshedAt = Date.now()
    const refresh = () => {
      timer = undefined
      if (busy.current) {
        timer = setTimeout(refresh, restMs)
        return
      }
      refreshedAt = Date.now()
      start(() => router.refresh())
    }
    const stop = listen((topic) => {
      if (topic !== '*' && !mine.has(topic)) return
      timer ??= setTimeout(refresh, Math.max(0, refreshedAt + restMs - Date.now()))
    })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [router, wanted, paused, restMs])
  return null
}
