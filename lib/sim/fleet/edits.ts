import { isJsonObject, jsonEqual, type Json, type JsonObject } from '#lib/core/json.ts'
import { mergeRecords } from '#lib/core/merge.ts'
import type { Chance } from './chance.ts'
import type { RealEdit } from './register.ts'

/**
 * What somebody's real edit makes of a record that may look different by now: the places they
 * changed are changed, all others stay.
 */
export function applyRealEdit(current: JsonObject, edit: RealEdit): JsonObject | null {
  if (edit.after === null) return null
  const side = { hlc: '', deviceId: null }
  const { data } = mergeRecords({
    base: edit.before,
    client: { ...side, data: edit.after },
    server: { ...side, data: current },
    ruleFor: () => ({ tiebreak: 'client', shape: 'nested' }),
  })
  return data
}

const HOURS = ['Mo-Fr 08:00-18:00', 'Mo-Sa 09:00-20:00', '24/7', 'Mo-Su 07:00-23:00', 'Tu-Su 10:00-19:00']
const NOTES = [
  'Sign replaced, name confirmed on site',
  'Entrance moved to the side street',
  'Closed for renovation until spring',
  'Spoke with the manager, data is right',
  'Photo taken, to be uploaded',
  'Second visit needed',
]

const REMARKS = [
  'Key at the gatehouse.',
  'Access by the track from the north.',
  'Fence repaired.',
  'Ground is soft after rain.',
  'Cabinet cleaned.',
  'Photo taken from the road.',
]
const WARNINGS = ['Beware of the dog.', 'Parking only across the street.', 'Ring before entering.']
/** Longer remarks lose their first sentences with the next one. */
const REMARKS_LENGTH = 240

/** A field that crews in the field write, and a new value for it. */
export interface FieldEdit {
  readonly field: 'note' | 'remarks' | `tags.${string}`
  readonly value: string
}

/** What a crew may note down about any record of a register. */
export function inventFieldEdit(chance: Chance, nowMs: number): FieldEdit {
  const draw = chance.unit()
  if (draw < 0.4) return { field: 'tags.check_date', value: new Date(nowMs).toISOString().slice(0, 16) }
  if (draw < 0.55) return { field: 'tags.opening_hours', value: chance.pick(HOURS) }
  if (draw < 0.7) return { field: 'tags.phone', value: `+49 30 ${100_000 + chance.below(900_000)}` }
  if (draw < 0.8) return { field: 'tags.capacity', value: String(1 + chance.below(40)) }
  return { field: 'note', value: chance.pick(NOTES) }
}

/** A sentence for the text that all crews write at a site; it joins what others write meanwhile. */
export function inventRemark(chance: Chance): FieldEdit {
  return { field: 'remarks', value: chance.pick([...REMARKS, ...WARNINGS]) }
}

export function applyFieldEdit(current: JsonObject, { field, value }: FieldEdit): JsonObject {
  if (field === 'remarks') return { ...current, remarks: addRemark(current['remarks'], value) }
  if (field === 'note') return { ...current, note: value }
  const tags = isJsonObject(current['tags']) ? current['tags'] : {}
  return { ...current, tags: { ...tags, [field.slice('tags.'.length)]: value } }
}

/** Warnings go in front, everything else to the end; each brings its own space, whatever comes to stand beside it. */
function addRemark(remarks: Json | undefined, sentence: string): string {
  let text = typeof remarks === 'string' ? remarks : ''
  while (text.length > REMARKS_LENGTH && text.includes('. ')) text = text.slice(text.indexOf('. ') + 2)
  return WARNINGS.includes(sentence) ? `${sentence} ${text}` : `${text}${sentence} `
}

/** A state that the table's schema or rules refuse, each in another way. */
export function spoil(current: JsonObject, chance: Chance): JsonObject {
  switch (chance.below(3)) {
    case 0: {
      const { tags: _, ...rest } = current
      return rest
    }
    case 1:
      return { ...current, displayName: 42 }
    default:
      return applyFieldEdit(current, {
        field: 'tags.capacity',
        value: chance.pick(['many', '-1', '12 or so']),
      })
  }
}

/** Whether an edit changes anything: people also confirm what is there. */
export function changesAnything(before: JsonObject, after: JsonObject | null): boolean {
  return !jsonEqual(before, after)
}
