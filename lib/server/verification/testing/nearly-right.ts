import { randomUUID } from 'node:crypto'
import { findUnfaithful, type JsonObject } from '#lib/core/json.ts'
import type { ChangeInput } from '#lib/protocol/sync.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { Database } from '../../db.ts'
import { sha256Hex } from '../../sync/read-changes.ts'
import { putPolicy, RawDevice } from '../../testing/raw-device.ts'
import { settleSomething } from './settle-something.ts'

type Random = () => number
type Known = { scope: string; table: string; id: string; version: number; data: JsonObject; opId: string }
type Life = { incarnation: string; lastSeq: number }
type Member = { raw: RawDevice; sent: ChangeInput[]; lives: Life[] }

const tables = ['by-lww', 'by-fww', 'by-manual', 'by-merge', 'of-crdts', 'nowhere']
const fields = {
  n: { strategy: 'crdt', type: 'pn-counter' },
  r: { strategy: 'crdt', type: 'lww-register' },
  text: { strategy: 'ot' },
} as const

/** What no schema takes, no jsonb holds, or no rule expects. */
const rubbish: readonly unknown[] = [
  ...[null, true, -1, 0, 1.5, 2 ** 53, 1e308, Infinity, '', '\0', '\ud800', '__proto__', 'constructor'],
  ...[
    [],
    {},
    [[[]]],
    { '': 1 },
    JSON.parse('{"__proto__": 1}'),
    'x'.repeat(300),
    { id: 'x', step: 1, steps: 1 },
  ],
  ...[[{ retain: 2 ** 31 }], [{ insert: { image: 1 } }], '00000000-0000-0000-0000-000000000000'],
]

/**
 * Devices that know the protocol and send what is nearly right, in `rounds` requests: valid changes and sagas with some
 * places changed, what was sent before, under the life before, twice at once; with people who settle what that leaves.
 * Any error that no caller is told of is thrown.
 * @param random in [0, 1)
 * @returns how often each code was told
 */
export async function nearlyRight(
  db: Database,
  random: Random,
  rounds: number,
): Promise<Map<string, number>> {
  const int = (below: number) => Math.floor(random() * below)
  const chance = (of: number) => int(of) === 0
  const pick = <T>(items: readonly T[]): T => items[int(items.length)]!
  const scopes = ['a', 'b "odd"']
  const told = new Map<string, number>()
  const count = (code: string) => told.set(code, (told.get(code) ?? 0) + 1)
  for (const strategy of ['lww', 'fww', 'manual', 'merge'] as const)
    await putPolicy(db, { name: `by-${strategy}`, strategy, ...(strategy === 'merge' && { fields }) })
  await putPolicy(db, { name: 'of-crdts', strategy: 'crdt' })
  const members = await Promise.all(
    [1, 2, 3].map(async (): Promise<Member> => ({
      raw: await RawDevice.enrol(db, scopes),
      sent: [],
      lives: [],
    })),
  )
  const known: Known[] = []

  function dataOf(known: JsonObject, { raw }: Member): JsonObject {
    const before = structuredClone(known)
    switch (int(5)) {
      case 0:
        return { ...before, n: { $crdt: 'pn-counter', inc: { [raw.id]: int(9) }, dec: {} } }
      case 1: {
        const { hlc } = raw.change()
        raw.lastSeq--
        return { ...before, r: { $crdt: 'lww-register', value: int(9), hlc } }
      }
      case 2:
        return { ...before, text: `${typeof before['text'] === 'string' ? before['text'] : ''}é` }
      default:
        return { ...before, [pick(['a', 'b', 'c'])]: int(4) }
    }
  }

  function changeOf(member: Member): ChangeInput {
    const { raw, sent } = member
    if (sent.length > 0 && chance(7)) return structuredClone(pick(sent))
    const on = known.length > 0 && !chance(3) ? pick(known) : undefined
    if (!on) return raw.change({ table: pick(tables), scope: pick(scopes), data: dataOf({}, member) })
    const { scope, table, id: record_id, version, data, opId } = on
    const place = chance(6) ? { scope: pick(scopes), from_scope: scope } : { scope }
    const made = { base_version: Math.max(0, version - int(2)), ...(chance(4) && { base_op_id: opId }) }
    const operation = chance(7) ? 'DELETE' : 'UPDATE'
    return raw.change({ ...place, ...made, table, record_id, operation, data: dataOf(data, member) })
  }

  function batchOf(member: Member): ChangeInput[] {
    const length = 1 + int(4)
    const changes = Array.from({ length }, () => changeOf(member))
    if (!chance(3)) return changes
    const saga = {
      id: chance(4) ? (pick(member.sent)?.saga?.id ?? randomUUID()) : randomUUID(),
      steps: length,
    }
    return changes.map((change, index) => ({ ...change, saga: { ...saga, step: index + 1 } }))
  }

  /** Changes some places of what is to be sent, anywhere in it. */
  function spoil(value: unknown): void {
    for (let times = 1 + int(2); times > 0; times--) {
      const places = placesIn(value)
      if (places.length === 0) return
      const [object, name] = pick(places)
      const kind = int(5)
      if (kind === 0) delete object[name]
      else if (kind === 1) object[name] = structuredClone(object[pick(Object.keys(object))])
      else if (kind === 2 && typeof object[name] === 'number') object[name] += pick([-1, 1, 0.5])
      else object[name] = structuredClone(pick(rubbish))
    }
  }

  async function ask(member: Member): Promise<void> {
    const { raw, sent, lives } = member
    const before = { incarnation: raw.incarnation, lastSeq: raw.lastSeq }
    const changes = batchOf(member)
    sent.push(...structuredClone(changes))
    const more: Record<string, unknown> = { schema_version: pick([1, 1, 2]), pull: { limit: int(30) } }
    if (chance(6)) more['dead_letters'] = [{ op_id: randomUUID(), code: 'x', change: pick(changes) }]
    if (chance(2)) {
      spoil(chance(3) ? more : changes)
      if (chance(2)) for (const change of changes) makeWhole(change)
    }
    const send = () =>
      raw.send(changes, more).then(
        (reply) => reply,
        (error: unknown) => {
          if (!(error instanceof AppError)) throw error
          count(error.code)
          raw.lastSeq = before.lastSeq
          if (error.code === 'seq_gap') raw.lastSeq = Number(error.extras?.['expected_seq']) - 1
          if (error.code === 'device_forked') Object.assign(raw, { incarnation: randomUUID(), lastSeq: 0 })
          return null
        },
      )
    const [reply] = chance(8) ? await Promise.all([send(), send()]) : [await send()]
    for (const { code } of [...(reply?.rejected ?? []), ...(reply?.conflicts ?? [])]) count(code)
    for (const { op_id, record_id, version, outcome, data } of reply?.accepted ?? []) {
      count(outcome)
      const change = changes.find((each) => each?.op_id === op_id)
      if (!change?.table) continue
      const { table, scope = 'default', data: own } = change
      known.push({
        scope,
        table,
        id: record_id,
        version,
        data: structuredClone(data ?? own ?? {}),
        opId: op_id,
      })
    }
    if (chance(25)) lives.push(before)
    // A twin of it, or a store that went back to an earlier time.
    if (lives.length > 0 && chance(25)) Object.assign(raw, pick(lives))
  }

  for (let round = 0; round < rounds; round++) {
    if (chance(4)) count(await settleSomething(db, { pick, chance, spoil }))
    else await ask(pick(members))
    if (chance(40)) await putPolicy(db, { name: 'by-lww', strategy: pick(['lww', 'merge', 'manual']) })
  }
  return told
}

/** Gives a change that was spoiled the checksum of its data, where it has one. */
function makeWhole(change: ChangeInput | undefined): void {
  if (findUnfaithful(change) || typeof change?.data !== 'object') return
  change.checksum = recordChecksum(change.data, sha256Hex)
}

/** Every member and item of a value, to a depth. */
function placesIn(value: unknown, depth = 0): [Record<string, unknown>, string][] {
  if (depth > 6 || typeof value !== 'object' || value === null) return []
  const object = value as Record<string, unknown>
  return Object.keys(object).flatMap((name) => [[object, name], ...placesIn(object[name], depth + 1)])
}
