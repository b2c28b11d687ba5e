'use client'

import { useEffect, useState } from 'react'
import { absoluteTime } from '#components/ui/instant.ts'
import { useTimeZone } from '#components/ui/clock.tsx'
import { StateShape } from '#components/ui/state-mark.tsx'
import { intervalMs, lastHeard, listen } from './stream.ts'

/** Whether two intervals of the stream passed in silence. */
function useInterrupted(): boolean {
  const [interrupted, setInterrupted] = useState(false)
  useEffect(() => {
    const check = () => setInterrupted(!document.hidden && Date.now() - lastHeard() > 2 * intervalMs)
    const stop = listen(check)
    const timer = setInterval(check, 2_000)
    return () => {
      stop()
      clearInterval(timer)
    }
  }, [])
  return interrupted
}

/** "Live · data as of 12:03:05": how old what you see is. */
export function LiveStatus({ asOf }: { asOf: number }) {
  const timeZone = useTimeZone()
  const interrupted = useInterrupted()
  return (
    <p className="flex items-center gap-1.5 text-12 whitespace-nowrap text-faint">
      <StateShape state={interrupted ? 'warning' : 'healthy'} className="scale-80" />
      <span className="phone:hidden">{interrupted ? 'Not live' : 'Live'} · </span>
      <span>
        data as of{' '}
        <time dateTime={new Date(asOf).toISOString()}>{absoluteTime(asOf, timeZone, 'clock')}</time>
      </span>
    </p>
  )
}

export function InterruptedBanner({ asOf }: { asOf: number }) {
  const timeZone = useTimeZone()
  if (!useInterrupted()) return null
  return (
    <div
      role="alert"
      className="flex items-center gap-2 border-b border-warn-mark/30 bg-warn-soft px-4 py-1.5 lg:px-6"
    >
      <StateShape state="warning" />
      <p>
        <b className="font-medium">Live updates stopped.</b> This page shows data as of{' '}
        {absoluteTime(asOf, timeZone, 'clock')}. It will catch up by itself when the server answers again.
      </p>
    </div>
  )
}
