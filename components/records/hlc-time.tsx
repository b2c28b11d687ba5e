import { Time } from '#components/ui/time.tsx'
import { parseHlc } from '#lib/core/hlc.ts'

/** When something was written by the clock of who wrote it; the stamp itself where it is none. */
export function HlcTime({ hlc }: { hlc: string }) {
  const parsed = parseHlc(hlc)
  if (!parsed) return <>{hlc}</>
  return <Time at={new Date(parsed.millis).toISOString()} show="both" precision="minute" />
}
