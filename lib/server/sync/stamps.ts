import { compareHlc, formatHlc, hlcNode, parseHlc, tickHlc } from '#lib/core/hlc.ts'
import { sha256Hex } from './read-changes.ts'

/** Stamps what people and the system write. */
export type ServerStamps = (author: string) => string

/** The server's own hybrid logical clock: each stamp is after the one before. */
export function serverStamps(now: () => number): ServerStamps {
  let clock = formatHlc({ millis: 0, counter: 0, node: hlcNode('00000000-0000-0000-0000-000000000000') })
  return (author) => {
    const last = parseHlc(clock)!
    const next = formatHlc(tickHlc({ ...last, node: sha256Hex(author).slice(0, 16) }, now()))
    if (compareHlc(next, clock) > 0) clock = next
    return next
  }
}
