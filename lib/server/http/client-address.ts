import { channel } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

/** Carries the client's address from the socket to the routes, which see headers alone. Clients cannot set it. */
const addressHeader = 'x-holdfast-client'
const forwarded = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto'] as const

/** The address a request came from: of the client behind trusted proxies, else of whoever holds the connection. */
export function clientAddress(headers: Headers): string {
  return headers.get(addressHeader) ?? 'unknown'
}

/**
 * The proxies whose X-Forwarded-* headers count: addresses or CIDR ranges, comma-separated.
 * @throws Error for anything else, because a typing error here would trust nobody or everybody
 */
export function parseTrustedProxies(text: string): BlockList {
  const list = new BlockList()
  for (const entry of text.split(',').map((part) => part.trim())) {
    if (entry === '') continue
    const [address = '', prefix] = entry.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    const bits = prefix === undefined ? undefined : Number(prefix)
    if (isIP(address) === 0 || (bits !== undefined && !(Number.isInteger(bits) && bits >= 0))) {
      throw new Error(`HOLDFAST_TRUSTED_PROXIES: "${entry}" is neither an address nor a CIDR range`)
    }
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, bits, family)
  }
  return list
}

/** From the right, the first address of X-Forwarded-For that is not one of our proxies. */
export function realAddress(peer: string, forwardedFor: string | undefined, trusted: BlockList): string {
  const hops = [...(forwardedFor ?? '').split(',').map((hop) => hop.trim()), peer].filter((hop) => hop !== '')
  let address = peer
  for (const hop of hops.toReversed()) {
    const plain = hop.replace(/^::ffff:/i, '')
    // What is no address was made up: the hop that passed it on is as far as we know.
    if (isIP(plain) === 0) break
    address = plain
    if (!trusts(trusted, plain)) break
  }
  return address.replace(/^::ffff:/i, '')
}

/**
 * Makes every request of this process carry the address it came from, and takes the X-Forwarded-* headers away
 * where they do not come from a trusted proxy. Next gives routes no socket, so this listens where Node has one.
 */
export function stampClientAddresses(trustedProxies: string): void {
  const holder = globalThis as { holdfastStampsAddresses?: true }
  if (holder.holdfastStampsAddresses) return
  holder.holdfastStampsAddresses = true
  const trusted = parseTrustedProxies(trustedProxies)
  channel('http.server.request.start').subscribe((message) => {
    stampAddress((message as { request: IncomingMessage }).request, trusted)
  })
}

function stampAddress({ headers, socket }: IncomingMessage, trusted: BlockList): void {
  const peer = socket.remoteAddress ?? ''
  headers[addressHeader] = realAddress(peer, headers['x-forwarded-for']?.toString(), trusted)
  if (trusts(trusted, peer.replace(/^::ffff:/i, ''))) return
  for (const name of forwarded) delete headers[name]
}

function trusts(trusted: BlockList, address: string): boolean {
  return isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
