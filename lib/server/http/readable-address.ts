import { channel } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'

/**
 * An address that is a path which can be decoded, and kept. One with a host before its path is that path
 * (RFC 9112, section 3.2.2): this server is no proxy. Where it cannot be decoded (`/%ff`), or holds the one
 * character that PostgreSQL has no place for (`/%00`), its percent signs are taken as they stand, so that it is an address
 * like any other that is not there.
 */
export function readableAddress(url: string): string {
  if (!url.startsWith('/')) return readableAddress(pathOf(url))
  const end = url.search(/[?#]/)
  const path = end < 0 ? url : url.slice(0, end)
  try {
    if (!decodeURIComponent(path).includes('\0')) return url
  } catch {
    // As below.
  }
  return path.replaceAll('%', '%25') + url.slice(path.length)
}

function pathOf(url: string): string {
  if (!URL.canParse(url)) return `/${encodeURIComponent(url)}`
  const { pathname, search } = new URL(url)
  return pathname.startsWith('/') ? pathname + search : `/${encodeURIComponent(url)}`
}

/** Mends the address of every request of this process before Next reads it: Next answers an unreadable one with a bare 500. */
export function mendAddresses(): void {
  const holder = globalThis as { holdfastMendsAddresses?: true }
  if (holder.holdfastMendsAddresses) return
  holder.holdfastMendsAddresses = true
  channel('http.server.request.start').subscribe((message) => {
    const { request } = message as { request: IncomingMessage }
    request.url = readableAddress(request.url ?? '/')
  })
}
