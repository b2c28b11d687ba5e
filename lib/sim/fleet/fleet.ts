import { setTimeout as sleep } from 'node:timers/promises'
import type { SyncReport } from '#lib/client/index.ts'
import { createConsoleApi } from '../console-api.ts'
import { readMerges, SAMPLE_FILE } from '../merges.ts'
import { Chance } from './chance.ts'
import type { Deed } from './crew.ts'
import { inventFieldEdit, type FieldEdit } from './edits.ts'
import { HeadOffice } from './head-office.ts'
import { deviceProfile } from './profile.ts'
import { buildRegister, type RegisterRecord } from './register.ts'
import { SimulatedDevice } from './simulated-device.ts'
import { REGISTER_TABLES } from './tables.ts'

export interface FleetOptions {
  readonly baseUrl: string
  readonly apiKey: string
  readonly enrollmentKey: string
  readonly devices: number
  readonly scopes: number
  readonly seed: number
  /** Share of edits, 0–1, that somebody else makes to the same field at the same time. */
  readonly conflicts: number
}

/** What a fleet has done so far. */
export interface FleetTally {
  edits: number
  spoiled: number
  collisions: number
  syncs: number
  failedSyncs: number
  accepted: number
  conflicts: number
  rejected: number
}

/** Devices begin one after the other, so that a fleet does not fall on the server all at once. */
const STAGGER_MS = 120
/** Collisions arranged in the first minutes, so that there is a conflict to look at from the start. */
const OPENING_COLLISIONS = 3

/**
 * Runs a fleet against a server until the signal ends it. Everything goes over HTTP: policies by the
 * console API, all else by the device protocol. The same seed makes the same people, devices and
 * choices; what comes of them also depends on when things happen.
 */
export async function runFleet(options: FleetOptions, signal: AbortSignal, tally: FleetTally): Promise<void> {
  const chance = new Chance(`fleet-${options.seed}`)
  const api = createConsoleApi(options)
  for (const [name, policy] of Object.entries(REGISTER_TABLES)) await api.ensureTable(name, policy)
  const register = buildRegister(await readMerges(SAMPLE_FILE), options.scopes)

  const devices: SimulatedDevice[] = []
  const onSync = (report: SyncReport) => noteSync(tally, report)
  const onDeed = (by: number) => (deed: Deed) => {
    if (!deed) return
    tally.edits += 1
    if (deed.kind === 'spoiled') tally.spoiled += 1
    if (deed.kind === 'field' && chance.happens(options.conflicts)) void collide(by, deed.record, deed.edit)
  }
  const collide = async (by: number, record: RegisterRecord, edit: FieldEdit): Promise<boolean> => {
    const others = devices.filter(({ profile }) => profile.scope === record.scope && profile.index !== by)
    const other = others.length > 0 ? chance.pick(others) : null
    const rival = inventFieldEdit(chance, Date.now())
    const value = rival.field === edit.field && rival.value !== edit.value ? rival.value : `${edit.value} (?)`
    const collided = (await other?.writeAlso(record, { field: edit.field, value })) ?? false
    if (collided) tally.collisions += 1
    return collided
  }

  const office = await HeadOffice.open({ ...options, register, onSync })
  const lives = [office.live(signal)]
  for (let index = 0; index < options.devices && !signal.aborted; index++) {
    const own = chance.split(`device-${index}`)
    const profile = deviceProfile(chance, { index, seed: options.seed, scopes: options.scopes })
    const device = await SimulatedDevice.open({
      ...options,
      profile,
      records: register.filter((record) => record.scope === profile.scope),
      chance: own,
      onDeed: onDeed(index),
      onSync,
    })
    devices.push(device)
    lives.push(device.live(signal))
    await sleep(STAGGER_MS, undefined, { signal }).catch(() => undefined)
  }
  if (options.conflicts > 0) lives.push(openingCollisions())
  await Promise.all(lives)

  async function openingCollisions(): Promise<void> {
    let left = OPENING_COLLISIONS
    while (left > 0 && !signal.aborted) {
      await sleep(10_000, undefined, { signal }).catch(() => undefined)
      const record = chance.pick(register)
      const first = devices.find(
        ({ profile }) => profile.scope === record.scope && profile.trait === 'steady',
      )
      const edit: FieldEdit = { field: 'note', value: 'Name confirmed on site' }
      if (!first || !(await first.writeAlso(record, edit))) continue
      if (await collide(first.profile.index, record, edit)) left -= 1
    }
  }
}

function noteSync(tally: FleetTally, report: SyncReport): void {
  tally.syncs += 1
  if (report.outcome === 'failed') tally.failedSyncs += 1
  tally.accepted += report.accepted
  tally.conflicts += report.conflicts
  tally.rejected += report.rejected
}
