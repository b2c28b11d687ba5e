import { isJsonObject } from '#lib/core/json.ts'
import { reportedDeadLetterSchema } from '#lib/protocol/sync.ts'
import { deadLetterRow } from './dead-letter-row.ts'
import { readChanges, type ReadChange } from './read-changes.ts'
import type { DeadLetterRow, Hole } from './store.ts'

/** An operation that the device gave up, as far as its saga is concerned. */
export type GivenUp = {
  /** null where the report does not hold the change. */
  read: ReadChange | null
  /** The saga of the hole it leaves. */
  sagaId: string | null
  code: string
  deadLetterId: string
}

type Reporter = { deviceId: string; incarnation: string; schemaVersion: number }

/** What a device gave up, as it reports it: dead letters of its own, which close the holes they name. */
export function reportedDeadLetters(
  reported: readonly unknown[],
  holes: readonly Hole[],
  reporter: Reporter,
) {
  const rows = new Map<string, DeadLetterRow>()
  const closed: number[] = []
  const givenUp: GivenUp[] = []
  for (const raw of reported) {
    const report = readReport(raw)
    const hole = holeOf(report, holes)
    if (hole) closed.push(hole.seq)
    const row = deadLetterRow({ source: 'device', ...reporter, ...report, seq: hole?.seq ?? null })
    rows.set(row.id, row)
    const [read] = readChanges([report.raw])
    const given = { read: read?.saga ? read : null, sagaId: hole?.saga_id ?? null }
    givenUp.push({ ...given, code: report.refusal.code, deadLetterId: row.id })
  }
  return { rows: [...rows.values()], closed, givenUp }
}

/** The hole that a given-up operation leaves: the one of its name, or, where its name never arrived, the one at its seq. */
function holeOf({ opId, raw }: ReturnType<typeof readReport>, holes: readonly Hole[]): Hole | undefined {
  const named = holes.find(({ op_id }) => op_id !== null && op_id === opId)
  const seq = isJsonObject(raw) && opId !== null ? raw['seq'] : undefined
  return named ?? holes.find((hole) => hole.op_id === null && hole.seq === seq)
}

/** The sagas that reports of a device name, before the holes are known. */
export function sagasReported(reported: readonly unknown[]): string[] {
  return readChanges(reported.map((raw) => readReport(raw).raw)).flatMap(({ saga }) =>
    saga ? [saga.id] : [],
  )
}

/** A report that cannot be read is kept whole: it says that something was lost on the device. */
function readReport(raw: unknown) {
  const read = reportedDeadLetterSchema.safeParse(raw)
  if (!read.success) {
    const detail = 'The report of a dead letter could not be read.'
    return { opId: null, raw, refusal: { code: 'invalid_change', detail }, attempts: 1 }
  }
  const { op_id: opId, table = null, record_id = null, change, code, detail, attempts = 1 } = read.data
  return {
    opId,
    raw: change ?? { op_id: opId, table, record_id },
    refusal: { code, detail: detail ?? 'The device gave this operation up.' },
    attempts,
  }
}
