import { createHash, webcrypto } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import {
  createDevice,
  createFetchTransport,
  createMemoryStore,
  createSystemClock,
  createSystemRandom,
  type Device,
  type DeviceOptions,
  type Transport,
} from '#lib/client/index.ts'

const gzipBytes = promisify(gzip)

/** HTTP from Node, with larger bodies gzipped. */
export function createNodeTransport(baseUrl: string): Transport {
  return createFetchTransport({
    baseUrl,
    fetch,
    abortAfter: (timeoutMs) => AbortSignal.timeout(timeoutMs),
    gzip: async (text) => new Uint8Array(await gzipBytes(text)),
  })
}

/** A device of the library in this process: memory, HTTP, the system's clock. Options replace any of it. */
export function createNodeDevice(options: Partial<DeviceOptions> & { baseUrl: string }): Promise<Device> {
  const { baseUrl, ...rest } = options
  return createDevice({
    storage: createMemoryStore(),
    transport: createNodeTransport(baseUrl),
    clock: createSystemClock(globalThis),
    random: createSystemRandom(webcrypto),
    sha256Hex: (text) => createHash('sha256').update(text).digest('hex'),
    ...rest,
  })
}
