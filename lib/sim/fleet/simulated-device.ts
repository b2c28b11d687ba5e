import { setTimeout as sleep } from 'node:timers/promises'
import {
  SyncFailure,
  createSystemClock,
  type Clock,
  type Device,
  type SyncReport,
} from '#lib/client/index.ts'
import { createNodeDevice, createNodeTransport } from '../node-device.ts'
import type { Chance } from './chance.ts'
import { Crew, type Deed } from './crew.ts'
import type { FieldEdit } from './edits.ts'
import { FLAKY_NETWORK, GOOD_NETWORK, overNetwork } from './network.ts'
import { Presence } from './presence.ts'
import type { Profile } from './profile.ts'
import type { RegisterRecord } from './register.ts'
import type { VisitCourse } from './visit.ts'

export interface SimulatedDeviceOptions {
  readonly profile: Profile
  readonly baseUrl: string
  readonly enrollmentKey: string
  readonly records: readonly RegisterRecord[]
  readonly chance: Chance
  readonly onDeed: (deed: Deed) => void
  readonly onSync: (report: SyncReport) => void
}

/** Between an edit and the sync it asks for: apps gather what is written in one go. */
const SETTLE_MS = 3_000
/** A device that was refused asks again now and then; an admin may have let it back in. */
const REFUSED_MS = 120_000

/** One device with the people who use it: they work whether or not it is within reach of a network. */
export class SimulatedDevice {
  readonly profile: Profile
  private readonly options: SimulatedDeviceOptions
  private readonly device: Device
  private readonly crew: Crew
  private readonly presence: Presence
  private readonly chance: Chance
  private nextEditMs: number
  private nextSyncMs: number
  private isReady = false

  static async open(options: SimulatedDeviceOptions): Promise<SimulatedDevice> {
    const { profile, baseUrl, chance } = options
    const presence = new Presence(profile.trait, chance.split('presence'), Date.now())
    const system = createSystemClock(globalThis)
    const clock: Clock = { ...system, nowMs: () => system.nowMs() + profile.clockOffsetMs }
    const device = await createNodeDevice({
      baseUrl,
      deviceId: profile.deviceId,
      clock,
      // A life of its own every time: the store is in memory, so what an earlier run sent is not known.
      random: chance.split(`life-${Date.now()}`),
      transport: overNetwork(
        createNodeTransport(baseUrl),
        chance.split('network'),
        profile.trait === 'flaky' ? FLAKY_NETWORK : GOOD_NETWORK,
        () => presence.isUp(Date.now()),
      ),
      policy: { backoff: { baseDelayMs: 500, maxDelayMs: 20_000, maxRetries: 4 }, timeoutMs: 15_000 },
    })
    return new SimulatedDevice(options, device, presence)
  }

  private constructor(options: SimulatedDeviceOptions, device: Device, presence: Presence) {
    const { profile, records, chance } = options
    this.options = options
    this.profile = profile
    this.device = device
    this.presence = presence
    this.chance = chance.split('times')
    this.crew = new Crew({
      device,
      name: profile.name,
      records,
      chance: chance.split('crew'),
      isCareless: profile.trait === 'bad_payload',
    })
    this.nextSyncMs = Date.now()
    this.nextEditMs = Date.now() + this.chance.between(5_000, profile.thinkMs / 2)
  }

  /** Enrols, then lives until the signal ends it. */
  async live(signal: AbortSignal): Promise<void> {
    await this.enrol(signal)
    while (!signal.aborted) {
      const nowMs = Date.now()
      if (this.presence.update(nowMs)) this.nextSyncMs = nowMs
      const isUp = this.presence.isUp(nowMs)
      if (nowMs >= this.nextEditMs) await this.edit(nowMs, isUp)
      if (isUp && nowMs >= this.nextSyncMs) await this.sync()
      const wakeMs = Math.min(
        this.nextEditMs,
        this.presence.changesAtMs,
        isUp ? this.nextSyncMs : this.presence.changesAtMs,
      )
      await sleep(Math.max(50, wakeMs - Date.now()), undefined, { signal }).catch(() => undefined)
    }
    this.device.stop()
  }

  /** Somebody here writes the same field that somebody elsewhere is writing. @returns false if nobody can */
  async writeAlso(record: RegisterRecord, edit: FieldEdit): Promise<boolean> {
    if (!this.isReady || !(await this.crew.writeField(record, edit))) return false
    // After the other one's push, before its news can get here.
    this.nextSyncMs = Date.now() + 2 * SETTLE_MS
    return true
  }

  /** Somebody here visits this site next. @returns false if nobody can */
  async visit(record: RegisterRecord, course: VisitCourse): Promise<boolean> {
    if (!this.isReady || !(await this.crew.visit(record, course, Date.now()))) return false
    this.nextSyncMs = Math.min(this.nextSyncMs, Date.now() + SETTLE_MS)
    return true
  }

  private async edit(nowMs: number, isUp: boolean): Promise<void> {
    this.nextEditMs = nowMs + this.chance.interval(this.profile.thinkMs)
    const deed = await this.crew.work(nowMs)
    if (!deed) return
    if (isUp) this.nextSyncMs = Math.min(this.nextSyncMs, nowMs + SETTLE_MS)
    this.options.onDeed(deed)
  }

  private async sync(): Promise<void> {
    const report = await this.device.sync('fleet')
    this.options.onSync(report)
    this.nextSyncMs = Date.now() + this.chance.interval(this.profile.heartbeatMs)
    const code = report.failure?.code
    if (code === 'unauthenticated') await this.enrol(AbortSignal.timeout(REFUSED_MS))
    if (code === 'device_revoked' || code === 'forbidden') this.nextSyncMs = Date.now() + REFUSED_MS
    await this.crew.tidyUp()
    this.isReady = true
  }

  private async enrol(signal: AbortSignal): Promise<void> {
    const { name, platform, appVersion, scope } = this.profile
    while (!signal.aborted) {
      try {
        await this.device.enroll({
          enrollmentKey: this.options.enrollmentKey,
          name,
          platform,
          appVersion,
          scopes: [scope],
        })
        return
      } catch (error) {
        if (!(error instanceof SyncFailure)) throw error
        if (!error.retryable) console.error(`${name} cannot enrol: ${error.message}`)
        const waitMs = error.retryable ? this.chance.between(1_000, 5_000) : REFUSED_MS
        await sleep(waitMs, undefined, { signal }).catch(() => undefined)
      }
    }
  }
}
