import type { Device } from '#lib/client/index.ts'
import type { Chance } from './chance.ts'
import {
  applyFieldEdit,
  applyRealEdit,
  changesAnything,
  inventFieldEdit,
  inventRemark,
  spoil,
  type FieldEdit,
} from './edits.ts'
import type { RegisterRecord } from './register.ts'
import { isInspected } from './tables.ts'
import { chooseCourse, inventVisit, visitEdits, type VisitCourse } from './visit.ts'

/** What a person did with a record; `null`: they looked, and left it as it was. */
export type Deed =
  | { readonly kind: 'created' | 'removed' | 'spoiled' | 'edited'; readonly record: RegisterRecord }
  /** One field was written: what another person may do at the same time. */
  | { readonly kind: 'field'; readonly record: RegisterRecord; readonly edit: FieldEdit }
  | { readonly kind: 'visited'; readonly record: RegisterRecord; readonly course: VisitCourse }
  | null

const ONE_IN = { spoiled: 6, recreated: 3, removed: 12, founded: 20, visited: 4, remarked: 4 }

/** The people who use one device: they take up a record of their region and do something to it. */
export class Crew {
  private readonly device: Device
  private readonly name: string
  private readonly records: readonly RegisterRecord[]
  private readonly chance: Chance
  private readonly isCareless: boolean
  /** The first edit of a careless crew is a bad one, so that nobody has to wait to see what becomes of it. */
  private hasSpoiled = false

  constructor(options: {
    device: Device
    name: string
    records: readonly RegisterRecord[]
    chance: Chance
    isCareless: boolean
  }) {
    this.device = options.device
    this.name = options.name
    this.records = options.records
    this.chance = options.chance
    this.isCareless = options.isCareless
  }

  async work(nowMs: number): Promise<Deed> {
    const { chance, device } = this
    const record = chance.pick(this.records)
    const { table, id, scope, first } = record
    const shown = await device.get({ table, id, scope })
    if (!shown) {
      if (!chance.happens(1 / (record.isInitial ? ONE_IN.recreated : ONE_IN.founded))) return null
      await device.put({ table, id, scope, data: first })
      return { kind: 'created', record }
    }
    // A conflict is for somebody to settle; until then people leave the record alone.
    if (shown.syncStatus === 'conflict') return null
    if (this.isCareless && (!this.hasSpoiled || chance.happens(1 / ONE_IN.spoiled))) {
      this.hasSpoiled = true
      await device.put({ table, id, scope, data: spoil(shown.data, chance) })
      return { kind: 'spoiled', record }
    }
    if (isInspected(table) && chance.happens(1 / ONE_IN.visited)) {
      const course = chooseCourse(chance)
      return (await this.visit(record, course, nowMs)) ? { kind: 'visited', record, course } : null
    }
    const real = record.edits.length > 0 && chance.happens(0.5) ? chance.pick(record.edits) : null
    const wanted = real ? applyRealEdit(shown.data, real) : shown.data
    if (wanted === null) {
      if (!chance.happens(1 / ONE_IN.removed)) return null
      await device.remove({ table, id, scope })
      return { kind: 'removed', record }
    }
    if (changesAnything(shown.data, wanted)) {
      await device.put({ table, id, scope, data: wanted })
      return { kind: 'edited', record }
    }
    const isRemark = isInspected(table) && chance.happens(1 / ONE_IN.remarked)
    const edit = isRemark ? inventRemark(chance) : inventFieldEdit(chance, nowMs)
    return (await this.writeField(record, edit)) ? { kind: 'field', record, edit } : null
  }

  /** Looks at a site, and writes down what is to be written, all of it or nothing. @returns false as `writeField` */
  async visit({ table, id, scope }: RegisterRecord, course: VisitCourse, nowMs: number): Promise<boolean> {
    const shown = await this.device.get({ table, id, scope })
    if (!shown || shown.syncStatus === 'conflict') return false
    await this.device.saga(
      visitEdits({
        site: { table, id, scope },
        shown: shown.data,
        visit: inventVisit(this.chance, course),
        inspector: this.name,
        nowMs,
      }),
    )
    return true
  }

  /** Writes one field, as `work` does. @returns false where the record is not to be edited */
  async writeField({ table, id, scope }: RegisterRecord, edit: FieldEdit): Promise<boolean> {
    const shown = await this.device.get({ table, id, scope })
    if (!shown || shown.syncStatus === 'conflict') return false
    await this.device.put({ table, id, scope, data: applyFieldEdit(shown.data, edit) })
    return true
  }

  /** Deals with what syncing brought: whoever came second looks again, and mostly insists. */
  async tidyUp(): Promise<void> {
    for (const conflict of await this.device.conflicts()) {
      if (conflict.code !== 'stale_version') continue
      const { table, id, scope, mine, serverData } = conflict
      const insists = mine !== null && serverData !== null && this.chance.happens(0.7)
      if (insists) await this.device.rebase({ table, id, scope }, { ...serverData, ...mine })
      else await this.device.abandon({ table, id, scope })
    }
    for (const letter of await this.device.deadLetters()) {
      // The server keeps it, too; a device that runs for days must not fill up with them.
      await this.device.dismissDeadLetter(letter.operation.opId)
    }
  }
}
