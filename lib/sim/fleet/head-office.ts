import { setTimeout as sleep } from 'node:timers/promises'
import { v5 } from 'uuid'
import { SyncFailure, type Device, type SyncReport } from '#lib/client/index.ts'
import { createNodeDevice } from '../node-device.ts'
import type { RegisterRecord } from './register.ts'

export interface HeadOfficeOptions {
  readonly baseUrl: string
  readonly enrollmentKey: string
  readonly seed: number
  readonly scopes: number
  readonly register: readonly RegisterRecord[]
  readonly onSync: (report: SyncReport) => void
}

const OFFICE_NAMESPACE = 'a3f0e6a8-51c5-4d9e-9f0e-7f6f2d0c4b11'
const HEARTBEAT_MS = 60_000
const RETRY_MS = 3_000

/** The one device that sees every region. It brings the register in where it is not there yet. */
export class HeadOffice {
  private readonly options: HeadOfficeOptions
  private readonly device: Device

  static async open(options: HeadOfficeOptions): Promise<HeadOffice> {
    const device = await createNodeDevice({
      baseUrl: options.baseUrl,
      deviceId: v5(String(options.seed), OFFICE_NAMESPACE),
    })
    return new HeadOffice(options, device)
  }

  private constructor(options: HeadOfficeOptions, device: Device) {
    this.options = options
    this.device = device
  }

  async live(signal: AbortSignal): Promise<void> {
    const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => undefined)
    while (!signal.aborted && !(await this.isEnrolled())) await pause(RETRY_MS)
    while (!signal.aborted && !(await this.isLoaded())) await pause(RETRY_MS)
    while (!signal.aborted) {
      await pause(HEARTBEAT_MS)
      if (!signal.aborted) this.options.onSync(await this.device.sync('heartbeat'))
    }
    this.device.stop()
  }

  private async isEnrolled(): Promise<boolean> {
    const { enrollmentKey, scopes } = this.options
    try {
      await this.device.enroll({
        enrollmentKey,
        name: 'Head office',
        platform: 'windows',
        appVersion: '3.4.1',
        scopes: Array.from({ length: scopes }, (_, index) => `region-${index + 1}`),
      })
      return true
    } catch (error) {
      if (!(error instanceof SyncFailure)) throw error
      console.error(`Head office cannot enrol yet: ${error.message}`)
      return false
    }
  }

  /** Looks what is there first: a register that people have worked on is not loaded over. */
  private async isLoaded(): Promise<boolean> {
    const before = await this.device.sync('look')
    this.options.onSync(before)
    if (before.outcome !== 'complete') return false
    for (const { table, id, scope, first, isInitial } of this.options.register) {
      if (!isInitial || (await this.device.get({ table, id, scope }))) continue
      await this.device.put({ table, id, scope, data: first })
    }
    const loaded = await this.device.sync('load')
    this.options.onSync(loaded)
    return loaded.outcome === 'complete'
  }
}
