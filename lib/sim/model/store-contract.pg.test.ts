import { randomBytes } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import type { TablePolicy } from '#lib/core/policy.ts'
import { bucketHash, bucketOf, type DigestLine } from '#lib/protocol/digest.ts'
import { ownerOf } from '#lib/server/retention/testing/age.ts'
import { sha256Hex } from '#lib/server/sync/read-changes.ts'
import { testDatabase } from '#lib/server/testing/database.ts'
import { createDice } from '../simulation/dice.ts'
import type { Met } from './testing/meet.ts'
import { createHistory, scopes, tables } from './testing/history.ts'
import { modelTarget, postgresTarget, type Dump, type Target } from './testing/targets.ts'

const startMs = Date.parse('2026-11-01T08:00:00Z')
const policyOf: Record<(typeof tables)[number], Partial<TablePolicy>> = {
  merging: { strategy: 'merge' },
  last: { strategy: 'lww' },
  first: { strategy: 'fww' },
  asked: { strategy: 'manual' },
  // What the versions since wrote is asked for where a text or a single field may be settled by it.
  texts: { strategy: 'merge', tiebreak: 'server', fields: { name: { strategy: 'ot' } } },
  counted: { strategy: 'merge', fields: { count: { strategy: 'lww' } } },
  grown: { strategy: 'crdt', tiebreak: 'lww' },
}

/** What the histories made of their sagas, and of the steps of those. */
const ends = new Set<string>()
function note({ saga, step, letter }: Dump): void {
  for (const { state } of letter as { state: string }[]) ends.add(`letter ${state}`)
  for (const row of saga) ends.add((row as { state: string }).state)
  for (const row of step) ends.add(`undo ${String((row as { undo: string | null }).undo)}`)
}

/** How two transactions met: whether the second waited for the first, and whether the first came to nothing. */
const meetings = new Set<string>()
function noteMeeting(result: unknown): void {
  const { secondWaited, again } = (result ?? {}) as Partial<Met> & { again?: unknown }
  if (secondWaited !== undefined)
    meetings.add(`${secondWaited ? 'waits' : 'passes'} ${again == null ? 'commits' : 'rolls back'}`)
}

const opened: { close: () => Promise<void> }[] = []
afterAll(() => Promise.all(opened.map((database) => database.close())))

/** A fresh pair for each history: what one leaves must not explain what the next finds. */
async function pair(seed: string): Promise<[postgres: Target, model: Target]> {
  const now = () => startMs + 3_600_000
  const database = await testDatabase()
  const owner = await ownerOf(database.url)
  opened.push({ close: () => owner.end().then(database.close) })
  const targets: [Target, Target] = [
    postgresTarget(database.db, createDice(`ids ${seed}`), { now, ask: owner.ask }),
    modelTarget(createDice(`ids ${seed}`), now),
  ]
  for (const target of targets) {
    for (const name of tables) await target.putPolicy({ name, ...policyOf[name] })
  }
  return targets
}

describe('Postgres and the model answer alike, and hold the same', () => {
  const fresh = randomBytes(4).toString('hex')
  const histories = [
    ...[['1'], ['2'], ['3'], ['4'], [fresh]],
    ...[['9'], ['10'], [`${fresh}-old`]].map((seed) => [...seed, 'ages']),
    ...[['5'], ['7'], ['8'], ['50'], [`${fresh}-sagas`]].map((seed) => [...seed, 'sagas']),
    ...[['11'], ['12'], [`${fresh}-meets`]].map((seed) => [...seed, 'meets']),
  ] as [seed: string, kind?: 'sagas' | 'ages' | 'meets'][]
  const steps = { plain: 40, ages: 120, sagas: 120, meets: 60 }
  test.each(histories)('history %s', async (seed, kind) => {
    const [real, model] = await pair(seed)
    const dice = createDice(`history ${seed}`)
    const { begin, step } = createHistory(dice.fork('steps'), startMs, {
      ...{ sagas: kind === 'sagas', ages: kind === 'ages', meets: kind === 'meets' },
    })
    await begin([real, model])
    const mark = await real.dump()
    for (let i = 0; i < steps[kind ?? 'plain']; i++) {
      const [theirs, ours] = await step([real, model])
      expect(ours, `step ${i}`).toEqual(theirs)
      noteMeeting(theirs)
      if (i % 10 === 9) await compareReads(real, model, dice)
      if (kind === 'sagas') note(await model.dump())
    }
    expect(mark.record).toEqual([])
    const ours = await model.dump()
    expect(ours).toEqual(await real.dump())
    note(ours)
  })

  test('their transactions met in every way', () => {
    expect([...meetings].toSorted()).toEqual([
      ...['passes commits', 'passes rolls back', 'waits commits', 'waits rolls back'],
    ])
  })

  test('their dead letters ended in every way', () => {
    const states = ['open', 'replayed', 'discarded'].map((state) => `letter ${state}`)
    expect([...ends]).toEqual(expect.arrayContaining(states))
  })

  test('their sagas ended in every way', () => {
    const undos = ['restored', 'merged', 'conflict', 'settled'].map((undo) => `undo ${undo}`)
    expect([...ends]).toEqual(expect.arrayContaining(['completed', 'compensated', 'stuck', ...undos]))
  })
})

/** Pages of the feed, of what is left, and of snapshots, from anywhere. */
async function compareReads(real: Target, model: Target, dice: ReturnType<typeof createDice>): Promise<void> {
  const both = async <T>(read: (target: Target) => Promise<T>) => {
    expect(await read(model)).toEqual(await read(real))
  }
  const positions = await real.engine.store.feedPositions(scopes)
  const head = Math.max(0, ...Object.values(positions).map(({ seq }) => seq))
  for (let i = 0; i < 4; i++) {
    const asked = scopes.map((scope) => ({ scope, seq: dice.int(0, head) }))
    const maxChanges = dice.int(0, 12)
    await both(async ({ engine }) => {
      const page = await engine.store.feedPage({ asked, maxChanges, ownBatch: null })
      return {
        ...readable(page),
        positions: page.positions && seqs(page.positions),
        standing: withoutChain(page.standing),
      }
    })
    const [afterTable, afterId] = dice.pick([
      ['', nil],
      ['last', nil],
    ] as const)
    const pin = dice.int(0, head)
    await both(async ({ engine }) =>
      readable(
        await engine.store.snapshotPage({
          scope: dice.pick(['north']),
          pin,
          afterTable,
          afterId,
          maxItems: 3,
        }),
      ),
    )
    const { record, stream, result, letter } = await real.dump()
    for (const { device } of stream as { device: string }[]) {
      await both(({ engine }) => engine.store.openConflicts(device))
    }
    const answers = result as { op_id: string; device_id: string }[]
    for (const device of new Set(answers.map(({ device_id }) => device_id))) {
      const op_ids = answers.map(({ op_id }) => op_id)
      await both(({ engine }) => engine.store.lettersOf({ device, op_ids }))
      await both(({ engine }) =>
        engine.store.answered({
          device,
          op_ids,
          dead_letters: (letter as { id: string }[]).map(({ id }) => id),
        }),
      )
    }
    const versions = (record as Row[]).map(({ scope, table, id, version }) => ({
      ...{ scope, table, id, version: Math.max(1, version - dice.int(0, 1)), seq: dice.int(0, head) },
    }))
    await both(({ engine }) => engine.store.toldBy(versions))
    const scope = dice.pick(scopes)
    const compared = {
      ...{ scope, pin: dice.chance(0.4) ? null : dice.int(0, head) },
      tables: dice.chance(0.6) ? null : tables.filter(() => dice.chance(0.5)),
      ...{ buckets: bucketsOf(record as Row[], scope, dice), maxRecords: dice.int(1, 12) },
    }
    await both(async ({ engine }) => {
      const { buckets, chain, ...rest } = await engine.store.bucketDifferences(compared)
      return { ...rest, buckets: JSON.parse(buckets) as unknown, isChained: chain !== null }
    })
    const leaving = scopes.map((scope) => ({ scope, seq: head, table: '', id: nil }))
    await both(async ({ engine }) =>
      (await engine.store.leavePage({ leaving, maxChanges: 3 }))
        .map(readable)
        .toSorted((a, b) => (String(a['scope']) < String(b['scope']) ? -1 : 1)),
    )
  }
}

type Row = DigestLine & { scope: string; table: string; id: string; deleted: boolean }

/** What a device would send of a scope, which is not always what the server has. */
function bucketsOf(
  records: readonly Row[],
  scope: string,
  dice: ReturnType<typeof createDice>,
): Record<string, Record<string, string>> {
  const lines = new Map<string, Map<string, DigestLine[]>>()
  for (const { table, id, version, checksum, ...row } of records) {
    if (row.scope !== scope || row.deleted || dice.chance(0.1)) continue
    const inTable = lines.get(table) ?? new Map<string, DigestLine[]>()
    lines.set(table, inTable)
    const bucket = bucketOf(dice.chance(0.1) ? scope : id, sha256Hex)
    inTable.set(bucket, [...(inTable.get(bucket) ?? []), { record_id: id, version, checksum }])
  }
  return Object.fromEntries(
    [...lines].map(([table, buckets]) => [
      table,
      Object.fromEntries([...buckets].map(([bucket, own]) => [bucket, bucketHash(own, sha256Hex)])),
    ]),
  )
}

const nil = '00000000-0000-0000-0000-000000000000'

/** A page with its JSON text read: jsonb writes keys in an order and with blanks of its own. */
function readable(page: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(page).map(([name, value]: [string, unknown]) => [
      name,
      name === 'changes' || name === 'items' ? (JSON.parse(`[${String(value)}]`) as unknown) : value,
    ]),
  )
}

const seqs = (positions: Record<string, { seq: number }>) =>
  Object.fromEntries(Object.entries(positions).map(([scope, { seq }]) => [scope, seq]))
/** The chain covers the time of the commit, which no two databases share. */
const withoutChain = (standing: { chain: string | null }[] | null) =>
  standing?.map(({ chain, ...rest }) => ({ ...rest, isChained: chain !== null }))
