import { webcrypto } from 'node:crypto'
import { DEFAULT_BREAKER } from '#lib/core/breaker.ts'
import {
  createDevice,
  createMemoryStore,
  createSystemClock,
  createSystemRandom,
  type Device,
  type DeviceOptions,
  type Transport,
} from '#lib/client/index.ts'
import { origin, type Everybody } from '#lib/server/testing/everybody.ts'
import { POST as digestRoute } from '../../digest/route.ts'
import { POST as enrollRoute } from '../../enroll/route.ts'
import { GET as snapshotRoute } from '../../snapshot/route.ts'
import { POST as syncRoute } from '../route.ts'

const ROUTES = {
  'POST /api/v1/digest': digestRoute,
  'POST /api/v1/enroll': enrollRoute,
  'POST /api/v1/sync': syncRoute,
  'GET /api/v1/snapshot': snapshotRoute,
}

/** The device routes of this process, as if they were reached over a network. */
export const routeTransport: Transport = {
  async send({ method, path, headers, body }) {
    const url = new URL(path, origin)
    const key = `${method} ${url.pathname}`
    if (!(key in ROUTES)) throw new Error(`no device route answers ${key}`)
    const route = ROUTES[key as keyof typeof ROUTES]
    const response = await route(new Request(url, { method, headers, body }), { params: Promise.resolve({}) })
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
    }
  },
}

/** A device of the library on the device routes of this process; enrolled where its store is. */
export function openDevice(options: Partial<DeviceOptions>): Promise<Device> {
  return createDevice({
    storage: createMemoryStore(),
    transport: routeTransport,
    clock: createSystemClock(globalThis),
    random: createSystemRandom(webcrypto),
    // No test waits longer than it must, neither for a backoff nor for a breaker.
    policy: {
      backoff: { baseDelayMs: 5, maxDelayMs: 20, maxRetries: 6 },
      breaker: { ...DEFAULT_BREAKER, cooldownMs: 5, maxCooldownMs: 20 },
    },
    ...options,
  })
}

/** The same with a store of its own, which is enrolled. */
export async function enrolledDevice(
  callers: Pick<Everybody, 'enrollmentKey'>,
  options: Partial<DeviceOptions> & { scopes?: readonly string[]; name?: string } = {},
): Promise<Device> {
  const { scopes = ['site-1'], name = 'Tablet', ...rest } = options
  const device = await openDevice(rest)
  await device.enroll({
    enrollmentKey: callers.enrollmentKey,
    name,
    platform: 'test',
    appVersion: '1.0',
    scopes,
  })
  return device
}
