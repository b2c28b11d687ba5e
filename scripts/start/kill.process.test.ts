import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Device } from '#lib/client/index.ts'
import { DEFAULT_BREAKER } from '#lib/core/breaker.ts'
import { createConsoleApi } from '#lib/sim/console-api.ts'
import { Chance } from '#lib/sim/fleet/chance.ts'
import { createNodeDevice } from '#lib/sim/node-device.ts'
import { findFreePort } from '../postgres/port.ts'
import { startInstance, type Instance } from './testing/instance.ts'

const apiKey = 'hf_api_of_the_kill_test'
const enrollmentKey = 'hf_enr_of_the_kill_test'
const table = 'readings'

/** Comes back at once: the server is away for a second, not for a night. */
const impatient = {
  backoff: { baseDelayMs: 20, maxDelayMs: 200, maxRetries: 3 },
  breaker: { ...DEFAULT_BREAKER, cooldownMs: 50, maxCooldownMs: 200 },
}

let dataDir = ''
let baseUrl = ''
let env: Record<string, string> = {}
let instance: Instance

beforeAll(async () => {
  dataDir = join(await mkdtemp(join(tmpdir(), 'holdfast-kill-')), 'data')
  const port = await findFreePort()
  baseUrl = `http://127.0.0.1:${port}`
  env = {
    ...{ PORT: String(port), HOLDFAST_DATA_DIR: dataDir, HOLDFAST_DEMO: 'off' },
    ...{ HOLDFAST_API_KEY: apiKey, HOLDFAST_ENROLLMENT_KEY: enrollmentKey },
  }
  instance = await started()
})
afterAll(async () => {
  instance.signal('SIGTERM', 'process')
  await instance.exited
  await rm(join(dataDir, '..'), { recursive: true, force: true })
})

async function started(): Promise<Instance> {
  const next = startInstance(env)
  await next.ready()
  return next
}

test('kill -9 of everything in the middle of pushes: nothing acknowledged is lost, nothing applied twice', async () => {
  await createConsoleApi({ baseUrl, apiKey }).ensureTable(table, { strategy: 'merge' })
  const seed = process.env['SEED'] ?? randomBytes(4).toString('hex')
  console.log(`kill.process.test: SEED=${seed}`)
  const chance = new Chance(seed)
  const enrol = (_: unknown, number: number) => Meter.enrol(number, chance.split(`${number}`))
  const meters = await Promise.all(Array.from({ length: 6 }, enrol))

  for (let kill = 0; kill < 3; kill++) {
    let writing = true
    const work = meters.map(async (meter) => {
      while (writing) await meter.readAndSync()
    })
    const before = acknowledged(meters)
    while (acknowledged(meters) < before + 40) await sleep(5)
    instance.signal('SIGKILL', 'group')
    await instance.exited
    writing = false
    instance = await started()
    await Promise.all(work)
  }

  for (const meter of meters) await meter.drain()
  const fresh = await createNodeDevice({ baseUrl })
  await fresh.enroll(enrolment('Auditor'))
  await fresh.sync()
  for (const meter of meters) {
    for (const [id, count] of meter.readings) {
      const record = await fresh.get({ table, id })
      expect(record?.data).toEqual({ count })
      // Nobody else edits it: each operation that was applied is one version, no more and no fewer.
      expect(record?.serverVersion).toBe(meter.applied.get(id)?.size)
    }
  }
})

function enrolment(name: string) {
  return { enrollmentKey, name, scopes: ['meters'], platform: 'test', appVersion: '1.0' }
}

function acknowledged(meters: Meter[]): number {
  return meters.reduce((sum, meter) => sum + meter.acknowledged, 0)
}

/** A device that counts up its own records, and remembers what the server acknowledged. */
class Meter {
  readonly readings = new Map<string, number>()
  /** By record: the operations that were acknowledged. */
  readonly applied = new Map<string, Set<string>>()
  acknowledged = 0
  readonly #device: Device
  readonly #chance: Chance

  private constructor(device: Device, chance: Chance) {
    this.#device = device
    this.#chance = chance
    device.subscribe((event) => {
      if (event.kind !== 'answered') return
      for (const { id, opId, outcome } of event.answers) {
        expect(outcome).toBe('applied')
        this.acknowledged++
        this.applied.set(id, (this.applied.get(id) ?? new Set()).add(opId))
      }
    })
  }

  static async enrol(number: number, chance: Chance): Promise<Meter> {
    const device = await createNodeDevice({ baseUrl, policy: impatient })
    await device.enroll(enrolment(`Meter ${number}`))
    return new Meter(device, chance)
  }

  async readAndSync(): Promise<void> {
    for (let edit = 0; edit < 8; edit++) await this.#edit()
    await this.#device.sync()
  }

  /** Syncs until everything is answered. */
  async drain(): Promise<void> {
    while ((await this.#device.overview()).pending > 0) {
      await this.#device.sync()
      await sleep(50)
    }
  }

  async #edit(): Promise<void> {
    const known = [...this.readings.keys()]
    const old = known[this.#chance.below(known.length * 2)]
    if (old === undefined) {
      const { id } = await this.#device.put({ table, scope: 'meters', data: { count: 1 } })
      this.readings.set(id, 1)
    } else {
      const count = (this.readings.get(old) ?? 0) + 1
      await this.#device.put({ table, id: old, scope: 'meters', data: { count } })
      this.readings.set(old, count)
    }
  }
}
