import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** Which way the bytes go that are the last to pass: to the server, or back. */
export type Direction = 'there' | 'back'

/** What is still to pass before the connection breaks. */
type Cut = { direction: Direction; bytes: number }

export type CutProxy = {
  port: number
  /** The next connection to carry something in this direction breaks on both sides after so many more bytes. */
  cutNext: (direction: Direction, afterBytes: number) => void
  /** Breaks every connection there is. @returns how many */
  cutAll: () => number
  /** No cut that was asked for and has not happened yet happens any more. */
  calm: () => void
  /** How many connections were cut by `cutNext`. */
  readonly cuts: number
  close: () => Promise<void>
}

/**
 * A TCP proxy on the loopback interface that breaks connections at a byte of one's choice: a request of which half
 * arrives, a commit whose answer is lost. It knows nothing of what it carries.
 */
export async function startCutProxy(targetPort: number): Promise<CutProxy> {
  const links = new Set<() => void>()
  const waiting: Cut[] = []
  const take = (direction: Direction): Cut | null => {
    const at = waiting.findIndex((cut) => cut.direction === direction)
    return (at < 0 ? [] : waiting.splice(at, 1))[0] ?? null
  }
  let cuts = 0
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: targetPort, host: '127.0.0.1', noDelay: true })
    const sever = () => {
      links.delete(sever)
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
    links.add(sever)
    for (const socket of [near, far]) socket.on('error', () => undefined).on('close', sever)
    const carry = (from: Socket, to: Socket, direction: Direction) => {
      let cut: Cut | null = null
      from.on('data', (chunk) => {
        cut ??= take(direction)
        if (cut && chunk.length > cut.bytes) {
          cuts++
          from.removeAllListeners('data').pause()
          if (cut.bytes > 0) to.write(chunk.subarray(0, cut.bytes), sever)
          else sever()
          return
        }
        if (cut) cut.bytes -= chunk.length
        if (!to.write(chunk)) {
          from.pause()
          to.once('drain', () => from.resume())
        }
      })
    }
    carry(near, far, 'there')
    carry(far, near, 'back')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('no port')
  return {
    port: address.port,
    cutNext: (direction, afterBytes) => void waiting.push({ direction, bytes: afterBytes }),
    cutAll: () => {
      const { size } = links
      for (const sever of links) sever()
      return size
    },
    calm: () => void waiting.splice(0),
    get cuts() {
      return cuts
    },
    close: async () => {
      server.close()
      for (const sever of links) sever()
      await once(server, 'close')
    },
  }
}
