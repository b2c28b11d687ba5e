import { TransportError, type Transport } from '#lib/client/index.ts'
import type { Chance } from './chance.ts'

/** How bad a connection is: shares of requests, 0–1, and milliseconds. */
export interface NetworkQuality {
  /** Never arrives. */
  readonly lostRequests: number
  /** Arrives, but the answer does not. */
  readonly lostReplies: number
  /** A byte of the record data is damaged on the way, which the checksum has to find. */
  readonly damaged: number
  readonly latencyMs: number
}

export const GOOD_NETWORK: NetworkQuality = {
  lostRequests: 0.002,
  lostReplies: 0.001,
  damaged: 0,
  latencyMs: 40,
}
export const FLAKY_NETWORK: NetworkQuality = {
  lostRequests: 0.2,
  lostReplies: 0.1,
  damaged: 0.05,
  latencyMs: 900,
}

/** A connection of that quality on top of a real one; `isUp` tells whether there is any at all. */
export function overNetwork(
  transport: Transport,
  chance: Chance,
  quality: NetworkQuality,
  isUp: () => boolean,
): Transport {
  return {
    async send(request) {
      await pause(chance.interval(quality.latencyMs))
      if (!isUp()) throw new TransportError('network', 'no connection')
      if (chance.happens(quality.lostRequests)) throw new TransportError('network', 'connection reset')
      const isDamaged = request.body !== null && chance.happens(quality.damaged)
      const reply = await transport.send(
        isDamaged ? { ...request, body: damage(request.body ?? '') } : request,
      )
      if (!isUp() || chance.happens(quality.lostReplies)) {
        throw new TransportError('timeout', 'the reply got lost')
      }
      return reply
    },
  }
}

/** Changes one letter within the first record's name; the body stays readable. */
function damage(body: string): string {
  return body.replace(/("displayName":"[^"\\]{2})[a-z]/, '$1#')
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs).unref())
}
