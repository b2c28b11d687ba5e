import { setTimeout as sleep } from 'node:timers/promises'
import type { SyncReport } from '#lib/client/index.ts'
import { createConsoleApi } from '../console-api.ts'
import { readMerges, SAMPLE_FILE } from '../merges.ts'
import { Chance } from './chance.ts'
import type { Deed } from './crew.ts'
import { inventFieldEdit, inventRemark, type FieldEdit } from './edits.ts'
import { HeadOffice } from './head-office.ts'
import { deviceProfile } from './profile.ts'
import { buildRegister, type RegisterRecord } from './register.ts'
import { SimulatedDevice } from './simulated-device.ts'
import { isInspected, REGISTER_TABLES, VISIT_TABLES } from './tables.ts'
import type { VisitCourse } from './visit.ts'

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
  /** Remarks that two devices wrote at once, and that merge. */
  sharedRemarks: number
  visits: number
  /** Visits that the server refuses, and that are undone. */
  refusedVisits: number
  syncs: number
  failedSyncs: number
  accepted: number
  conflicts: number
  rejected: number
}

/** Devices begin one after the other, so that a fleet does not fall on the server all at once. */
const STAGGER_MS = 120
/** Share of remarks, 0–1, that somebody else adds to at the same time: they merge, so it may well happen. */
const SHARED_REMARKS = 0.25
/** Between two attempts at what is arranged for the first minutes. */
const OPENING_MS = 10_000

/**
 * Runs a fleet against a server until the signal ends it. Everything goes over HTTP: policies by the
 * console API, all else by the device protocol. The same seed makes the same people, devices and
 * choices; what comes of them also depends on when things happen.
 */
export async function runFleet(options: FleetOptions, signal: AbortSignal, tally: FleetTally): Promise<void> {
  const chance = new Chance(`fleet-${options.seed}`)
  const api = createConsoleApi(options)
  for (const [name, policy] of Object.entries({ ...REGISTER_TABLES, ...VISIT_TABLES }))
    await api.ensureTable(name, policy)
  const register = buildRegister(await readMerges(SAMPLE_FILE), options.scopes)

  const devices: SimulatedDevice[] = []
  const onSync = (report: SyncReport) => noteSync(tally, report)
  const onDeed = (by: number) => (deed: Deed) => {
    if (!deed) return
    tally.edits += 1
    if (deed.kind === 'spoiled') tally.spoiled += 1
    if (deed.kind === 'visited') noteVisit(tally, deed.course)
    if (deed.kind !== 'field') return
    const { record, edit } = deed
    if (edit.field === 'remarks') {
      if (chance.happens(SHARED_REMARKS)) void share(by, record)
    } else if (chance.happens(options.conflicts)) void collide(by, record, edit)
  }
  const writeElsewhere = async (by: number, record: RegisterRecord, edit: FieldEdit): Promise<boolean> => {
    const others = devices.filter(({ profile }) => profile.scope === record.scope && profile.index !== by)
    return others.length > 0 && chance.pick(others).writeAlso(record, edit)
  }
  const collide = async (by: number, record: RegisterRecord, edit: FieldEdit): Promise<boolean> => {
    const rival = inventFieldEdit(chance, Date.now())
    const value = rival.field === edit.field && rival.value !== edit.value ? rival.value : `${edit.value} (?)`
    const collided = await writeElsewhere(by, record, { field: edit.field, value })
    if (collided) tally.collisions += 1
    return collided
  }
  const share = async (by: number, record: RegisterRecord): Promise<boolean> => {
    const shared = await writeElsewhere(by, record, inventRemark(chance))
    if (shared) tally.sharedRemarks += 1
    return shared
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
  lives.push(...openingActs().map((act) => arrange(act)))
  await Promise.all(lives)

  /** What is arranged for the first minutes, so that there is something of everything to look at from the start. */
  function openingActs(): readonly Act[] {
    const remark = async (first: SimulatedDevice, record: RegisterRecord) =>
      isInspected(record.table) &&
      (await first.writeAlso(record, inventRemark(chance))) &&
      share(first.profile.index, record)
    const collision = async (first: SimulatedDevice, record: RegisterRecord) => {
      const edit: FieldEdit = { field: 'note', value: 'Name confirmed on site' }
      return (await first.writeAlso(record, edit)) && collide(first.profile.index, record, edit)
    }
    const visit = (course: VisitCourse) => async (first: SimulatedDevice, record: RegisterRecord) => {
      const visited = isInspected(record.table) && (await first.visit(record, course))
      if (visited) noteVisit(tally, course)
      return visited
    }
    const quiet = [remark, remark, visit('plain'), visit('refused')]
    if (options.conflicts === 0) return quiet
    return [...quiet, visit('sealed'), collision, collision, collision]
  }

  /** Lets a device do this once; tries until one can. */
  async function arrange(act: Act): Promise<void> {
    for (let isDone = false; !isDone && !signal.aborted;) {
      await sleep(OPENING_MS, undefined, { signal }).catch(() => undefined)
      const record = chance.pick(register)
      const first = devices.find(
        ({ profile }) => profile.scope === record.scope && profile.trait === 'steady',
      )
      isDone = first !== undefined && (await act(first, record))
    }
  }
}

/** Something that a device does with a record. @returns false if it cannot */
type Act = (device: SimulatedDevice, record: RegisterRecord) => Promise<boolean>

function noteVisit(tally: FleetTally, course: VisitCourse): void {
  tally.visits += 1
  if (course !== 'plain') tally.refusedVisits += 1
}

function noteSync(tally: FleetTally, report: SyncReport): void {
  tally.syncs += 1
  if (report.outcome === 'failed') tally.failedSyncs += 1
  tally.accepted += report.accepted
  tally.conflicts += report.conflicts
  tally.rejected += report.rejected
}
