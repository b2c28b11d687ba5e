import type { FieldEdits } from '#lib/client/index.ts'
import { isJsonObject, type JsonObject } from '#lib/core/json.ts'
import type { Chance } from './chance.ts'
import { ORDER_LIMIT } from './tables.ts'

const TASKS = [
  'Replace the insulator',
  'Clear the branches',
  'Repaint the sign',
  'Replace the lock',
  'Clean the connector',
  'Tighten the cable clamp',
]

/** What a crew did at a site, and what it found there. */
export interface Visit {
  readonly minutes: number
  /** Seals put on; they cannot be used a second time. */
  readonly seals: number
  /** A defect, and what mending it will cost, in euros; null where all was in order. */
  readonly order: { readonly task: string; readonly estimate: number } | null
}

/**
 * How visits go: `plain` ones are taken as they are; `refused` ones order more than a crew may, so that all of it is
 * undone; `sealed` ones, too, and have used up a seal, so that a person has to say what becomes of it.
 */
export type VisitCourse = 'plain' | 'refused' | 'sealed'

export function chooseCourse(chance: Chance): VisitCourse {
  if (!chance.happens(1 / 12)) return 'plain'
  return chance.happens(1 / 8) ? 'sealed' : 'refused'
}

export function inventVisit(chance: Chance, course: VisitCourse): Visit {
  const minutes = 5 + chance.below(50)
  const task = chance.pick(TASKS)
  if (course !== 'plain') {
    const estimate = ORDER_LIMIT + 10 * (1 + chance.below(90))
    return { minutes, seals: course === 'sealed' ? 1 : 0, order: { task, estimate } }
  }
  const estimate = 10 * (1 + chance.below(ORDER_LIMIT / 10))
  const seals = chance.happens(1 / 8) ? 1 : 0
  return { minutes, seals, order: chance.happens(0.4) ? { task, estimate } : null }
}

/** A visit as one business transaction: the site's record, the visit's own, and the order that came of it. */
export function visitEdits(options: {
  readonly site: { readonly table: string; readonly id: string; readonly scope: string }
  /** The site's record as the crew sees it. */
  readonly shown: JsonObject
  readonly visit: Visit
  readonly inspector: string
  readonly nowMs: number
}): readonly { table: string; id?: string; scope: string; data: JsonObject; edits?: FieldEdits }[] {
  const { site, shown, visit, inspector, nowMs } = options
  const at = new Date(nowMs).toISOString()
  const tags = isJsonObject(shown['tags']) ? shown['tags'] : {}
  const about = { site: site.id, site_name: shown['displayName'] ?? '' }
  const { minutes, seals, order } = visit
  const looked: JsonObject = { ...shown, tags: { ...tags, check_date: at.slice(0, 16) } }
  const counted: FieldEdits = {
    visits: { increment: 1 },
    ...(seals > 0 && { seals: { increment: seals, type: 'g-counter' } }),
  }
  const { scope } = site
  return [
    { ...site, data: looked, edits: counted },
    {
      table: 'visits',
      scope,
      data: { ...about, inspector, at, minutes, result: order ? 'defect found' : 'in order' },
    },
    ...(order ? [{ table: 'work_orders', scope, data: { ...about, ...order } }] : []),
  ]
}
