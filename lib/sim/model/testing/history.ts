import { formatHlc, hlcNode } from '#lib/core/hlc.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import type { ChangeInput, SyncReply } from '#lib/protocol/sync.ts'
import { readChanges, sha256Hex } from '#lib/server/sync/read-changes.ts'
import type { Engine } from '#lib/server/sync/engine.ts'
import { push } from '#lib/server/sync/push.ts'
import { writeRecord } from '#lib/server/sync/write.ts'
import { v7 } from 'uuid'
import type { Dice } from '../../simulation/dice.ts'
import { grow, write } from './field-steps.ts'
import { createSagaHistory, noSagaSteps, sagaSteps } from './saga-history.ts'
import { told, type Met } from './meet.ts'
import type { Target } from './targets.ts'

export const tables = ['merging', 'last', 'first', 'asked', 'texts', 'counted', 'grown'] as const
export const scopes = ['north', 'south'] as const

type Sender = { id: string; incarnation: string; lastSeq: number; sent: ChangeInput[] }
type Known = {
  table: string
  record_id: string
  scope: string
  version: number
  /** What devices were told of it, by version. */
  states: Map<number, JsonObject>
}

const keyOf = ({ table, record_id, scope }: Known) => ({ table, record_id, scope })
const byPerson = {
  by: { kind: 'person' as const, id: 'admin' },
  ...{ mode: 'exact' as const, audit: [], traceId: 'e'.repeat(32) },
}

/**
 * Steps that a store has to take the same way as every other: pushes of several devices, well and badly made, what
 * people write, and looks at the feed from anywhere. Each step tells what came of it.
 */
export function createHistory(
  dice: Dice,
  startMs: number,
  options: { sagas?: boolean; ages?: boolean; meets?: boolean } = {},
) {
  const newId = () => v7({ msecs: startMs, random: dice.bytes(16) })
  const senders: Sender[] = Array.from({ length: 3 }, () => ({
    ...{ id: newId(), incarnation: newId(), lastSeq: 0, sent: [] },
  }))
  const known: Known[] = []
  const letters: string[] = []
  const conflicts: { id: string; key: Known }[] = []
  let millis = startMs

  const state = (): JsonObject => ({
    name: `n${dice.int(1, 4)}`,
    count: dice.int(1, 3),
    tags: { a: dice.int(0, 1) },
  })

  /** The state that an edit comes to; of a text and of what grows, by steps from what was edited. */
  function edit(table: string, base: JsonObject | null, by: { deviceId: string; hlc: string }) {
    if (table === 'grown') return { data: grow(dice, base ?? { name: `n${dice.int(1, 4)}` }, by) }
    const before = base?.['name']
    if (table !== 'texts' || typeof before !== 'string' || dice.chance(0.3)) return { data: state() }
    const { ops, text } = write(dice, before)
    // Some devices tell what came of the edit and not how it was made.
    return { data: { ...base, name: text }, ...(dice.chance(0.7) && { text_ops: { name: ops } }) }
  }

  function pick(begins: number): Known {
    if (known.length >= 4 && !dice.chance(begins)) return dice.pick(known)
    const fresh: Known = {
      ...{ table: dice.pick(tables), record_id: newId(), scope: dice.pick(scopes), version: 0 },
      states: new Map(),
    }
    known.push(fresh)
    return fresh
  }

  const holding = dice.fork('contains')
  function change(sender: Sender, begins = 0.25, target = pick(begins)): ChangeInput {
    const operation = target.version === 0 ? 'CREATE' : dice.chance(0.15) ? 'DELETE' : 'UPDATE'
    const earlier = sender.sent.findLast((sent) => sent.record_id === target.record_id)
    const baseVersion = operation === 'CREATE' ? 0 : Math.max(0, target.version - dice.int(0, 2))
    const baseOp = earlier && dice.chance(0.4) ? earlier : undefined
    // Some of them were refused, and a dead letter was made of those.
    const ofRecord = sender.sent.filter((sent) => sent.record_id === target.record_id)
    const held = holding.chance(0.3) ? ofRecord.slice(-2).map(({ op_id }) => op_id) : []
    const hlc = formatHlc({ millis: (millis += dice.int(-5, 20)), counter: 0, node: hlcNode(sender.id) })
    const base = baseOp ? baseOp.data : target.states.get(baseVersion)
    const { data, ...told } =
      operation === 'DELETE' ? { data: null } : edit(target.table, base ?? null, { deviceId: sender.id, hlc })
    const moved: ChangeInput = {
      ...{
        op_id: newId(),
        seq: ++sender.lastSeq,
        table: target.table,
        operation,
        record_id: target.record_id,
      },
      scope: target.scope,
      base_version: baseVersion,
      ...(baseOp && { base_op_id: baseOp.op_id }),
      ...(held.length > 0 && { contains: held }),
      ...(operation === 'UPDATE' && told),
      hlc,
      checksum: dice.chance(0.08) ? 'damaged' : recordChecksum(data, sha256Hex),
      ...(data && { data }),
    }
    if (operation === 'UPDATE' && dice.chance(0.1)) {
      moved.from_scope = target.scope
      moved.scope = target.scope === 'north' ? 'south' : 'north'
    }
    return moved
  }

  const sagas = createSagaHistory({ dice, newId, change, state })

  async function deviceStep(
    { engine }: { engine: Engine },
    sender: Sender,
    changes: unknown[],
    reported: unknown[] = [],
  ) {
    const pushed = await push(engine, {
      ...{ by: { kind: 'device', id: sender.id }, deviceId: sender.id },
      stream: { deviceId: sender.id, incarnation: sender.incarnation },
      ...{ changes: readChanges(changes), reported, granted: () => true, schemaVersion: 1 },
      traceId: 'f'.repeat(32),
    })
    return { answers: pushed.answers, scopes: pushed.scopes }
  }

  /** What another does while a batch is being written, to the record of its first change or elsewhere; null for the very same. */
  function secondOf(
    sender: Sender,
    { record_id }: ChangeInput,
  ): ((engine: Engine) => Promise<unknown>) | null {
    const met = known.find((each) => each.record_id === record_id)!
    const isSame = dice.chance(0.7)
    if (dice.chance(0.25)) return put(isSame ? met : dice.pick(known))
    const other = dice.pick(senders)
    if (other === sender) return null
    const changes = Array.from({ length: dice.int(1, 3) }, (_, index) =>
      change(other, 0.25, isSame && index === 0 ? met : undefined),
    )
    other.sent.push(...changes)
    return (engine) => deviceStep({ engine }, other, changes)
  }

  /** A person writes a record, or deletes it. */
  function put(target: Known): (engine: Engine) => Promise<unknown> {
    const data = dice.chance(0.3) ? null : state()
    const operation = data ? ('UPDATE' as const) : ('DELETE' as const)
    const change = { ...keyOf(target), op_id: newId(), operation, base_version: target.version, data }
    return (engine) => writeRecord({ ...byPerson, change }, engine)
  }

  /** The senders as devices that the targets know. */
  async function begin(targets: readonly Target[]): Promise<void> {
    for (const target of targets) for (const { id } of senders) await target.addDevice(id, scopes)
  }

  /** Takes the same step on every target. @returns what each of them answered */
  async function step(targets: readonly Target[]): Promise<unknown[]> {
    const kind = dice.weighted({
      push: 10,
      replay: 2,
      gap: 0.5,
      fork: 0.5,
      life: 0.3,
      letter: 1,
      put: 1.5,
      settle: 2,
      again: 1.5,
      ...(options.sagas ? sagaSteps : noSagaSteps),
      ...(options.ages ? { compact: 1, forget: 0.5 } : { compact: 0, forget: 0 }),
      ...(options.meets ? { meet: 8, lost: 0.5 } : { meet: 0, lost: 0 }),
    })
    const sender = dice.pick(senders)
    const each = async (run: (target: Target) => Promise<unknown>) => {
      const results: unknown[] = []
      for (const target of targets) {
        results.push(await run(target).catch(told))
      }
      learn(results[0])
      return results
    }
    switch (kind) {
      case 'push': {
        const changes = Array.from({ length: dice.int(1, 4) }, () => change(sender))
        sender.sent.push(...changes)
        return each((target) => deviceStep(target, sender, changes, []))
      }
      case 'saga': {
        const changes = sagas.changes(sender)
        sender.sent.push(...changes)
        return each((target) => deviceStep(target, sender, changes, []))
      }
      case 'undo':
      case 'time_out':
      case 'call_off':
      case 'edit':
      case 'settle_any':
      case 'retry': {
        const act = sagas.act(kind)
        return act ? each(act) : []
      }
      case 'compact': {
        const scope = dice.pick(scopes)
        const share = dice.unit()
        return each(async (target) => {
          const heads = await target.engine.store.feedPositions([scope])
          const upTo = Math.floor((heads[scope]?.seq ?? 0) * share)
          if (upTo > 0) await target.compact(scope, upTo)
          return { upTo }
        })
      }
      case 'forget': {
        const most = dice.int(1, 8)
        return each(async (target) => ({ gone: await target.forget(most) }))
      }
      case 'meet': {
        const changes = Array.from({ length: dice.int(1, 3) }, () => change(sender))
        sender.sent.push(...changes)
        const second = secondOf(sender, changes[0]!)
        const isRolledBack = dice.chance(0.25)
        return each(async (target) => {
          const first: typeof second = (engine) => deviceStep({ engine }, sender, changes)
          const met = await target.meet({ first, second: second ?? first, isRolledBack })
          const again = isRolledBack ? await first(target.engine).catch(told) : null
          return { ...met, again }
        })
      }
      case 'lost': {
        const issuedAt = dice.pick([null, '2020-01-01T00:00:00.000Z', '2100-01-01T00:00:00.000Z'])
        const where = { scope: dice.pick(scopes), seq: dice.int(2, 9), head: 1 }
        const note = { device_id: sender.id, reason: 'token_ahead' as const, issued_at: issuedAt, ...where }
        return each(async ({ engine }) => ({
          isNew: await engine.store.noteLostHistory({ ...note, trace_id: 'f'.repeat(32) }),
        }))
      }
      case 'replay': {
        const changes = sender.sent.filter(() => dice.chance(0.3)).slice(-5)
        return each((target) => deviceStep(target, sender, changes, []))
      }
      case 'gap':
        return each((target) =>
          deviceStep(target, sender, [{ ...change(sender), seq: ++sender.lastSeq + 3 }], []),
        )
      case 'fork': {
        const forged = { ...change(sender), seq: Math.max(1, --sender.lastSeq) }
        return each((target) => deviceStep(target, sender, [forged], []))
      }
      case 'life':
        Object.assign(sender, { incarnation: newId(), lastSeq: 0 })
        return []
      case 'letter': {
        const report = {
          op_id: sender.sent.at(-1)?.op_id ?? newId(),
          code: 'retries_exceeded',
          detail: 'gave up',
        }
        return each((target) => deviceStep(target, sender, [], [report]))
      }
      case 'put': {
        if (known.length === 0) return []
        const write = put(dice.pick(known))
        return each(({ engine }) => write(engine))
      }
      case 'settle': {
        const conflict = conflicts.length > 0 ? dice.pick(conflicts) : null
        if (!conflict) return []
        const [opId, data, conflictVersion] = [newId(), state(), dice.int(1, 2)]
        const { version } = conflict.key
        const change = { ...keyOf(conflict.key), op_id: opId, operation: 'UPDATE' as const, data }
        const resolves = { conflictId: conflict.id, conflictVersion, choice: 'merged' as const, reason: '' }
        return each(({ engine }) =>
          writeRecord(
            {
              ...{ ...byPerson, change: { ...change, base_version: version } },
              resolves: { ...resolves, resolvedBy: 'admin' },
            },
            engine,
          ),
        )
      }
      case 'again': {
        const letter = letters.length > 0 ? dice.pick(letters) : null
        const target = known.at(-1)
        if (!letter || !target) return []
        const [opId, data, version] = [newId(), state(), dice.int(1, 3)]
        return each(({ engine }) =>
          writeRecord(
            {
              ...{
                by: { kind: 'device', id: sender.id },
                deviceId: sender.id,
                audit: [],
                traceId: 'd'.repeat(32),
              },
              change: {
                ...{ ...keyOf(target), op_id: opId, data },
                ...{ operation: 'UPDATE' as const, base_version: target.version },
              },
              replays: {
                deadLetterId: letter,
                deadLetterVersion: version,
                schemaVersion: 1,
                edited: null,
                actor: 'admin',
              },
            },
            engine,
          ),
        )
      }
    }
  }

  /** What later steps build on. */
  function learn(result: unknown): void {
    const { first, second, again } = result as Partial<Met> & { again?: unknown }
    for (const part of [first, second, again]) if (part != null) learn(part)
    const answers = (result as { answers?: { kind: string; text: string }[] }).answers ?? []
    for (const { kind, text } of answers) {
      const answer = JSON.parse(text) as Partial<SyncReply['accepted'][number]> & {
        dead_letter_id?: string
        conflict_id?: string | null
        server_version?: number
      }
      const record = known.find(({ record_id }) => record_id === answer.record_id)
      if (record) record.version = answer.version ?? answer.server_version ?? record.version
      const sent = senders.flatMap((sender) => sender.sent).find(({ op_id }) => op_id === answer.op_id)
      const held = answer.data ?? sent?.data
      if (record && kind === 'accepted' && held) record.states.set(record.version, held)
      if (kind === 'rejected' && answer.dead_letter_id) letters.push(answer.dead_letter_id)
      if (record && answer.conflict_id) conflicts.push({ id: answer.conflict_id, key: record })
    }
    const written = result as { recordVersion?: number; answer?: { record_id?: string } }
    const record = known.find(({ record_id }) => record_id === written.answer?.record_id)
    if (record && written.recordVersion) record.version = written.recordVersion
  }

  return { begin, step }
}
