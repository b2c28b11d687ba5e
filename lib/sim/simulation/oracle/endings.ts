import { jsonEqual } from '#lib/core/json.ts'
import { recordKey, type Rows, type Tables } from '../../model/tables.ts'
import { machines } from '../machines.ts'
import type { SimDevice } from '../sim-device.ts'
import type { World } from '../world.ts'
import { label } from './told.ts'

/** Edits of an app whose data could not be brought up, and that wait for somebody to replay them. */
export function unsupported(tables: Tables): Rows['letters'][] {
  return tables
    .all('letters')
    .filter(
      ({ state, table, code }) =>
        state === 'open' && table === machines && code === 'schema_version_unsupported',
    )
}

/** What still separates a device from the server; null where nothing does. */
export function difference(world: World, sim: SimDevice): string | null {
  const { tables } = world.database
  const grants = tables.get('devices', sim.id)?.scopes ?? []
  if (sim.watch.isAdrift) return `${sim.name} has not come to know the restored server`
  if (sim.watch.pending > 0) return `${sim.name} has ${sim.watch.pending} operations in its queue`
  const unknown = sim.watch.refused.find((opId) => !isBuried(tables, opId))
  if (unknown) return `${sim.name} was refused ${unknown}, and the server has no dead letter of it`
  const rows = sim.watch.rows()
  for (const record of tables.all('records')) {
    if (record.deleted || !grants.includes(record.scope)) continue
    const key = recordKey(record.scope, record.table, record.id)
    const row = rows.get(key)
    if (!row?.server) return `${sim.name} lacks ${label(key)}`
    if (row.server.version !== record.version || !jsonEqual(row.server.data, record.data)) {
      return `${sim.name} has ${label(key)} at ${row.server.version}, the server at ${record.version}`
    }
  }
  for (const [key, row] of rows) {
    if (row.conflicts.length > 0 || row.local)
      return `${sim.name} shows ${label(key)} in a version of its own: ${JSON.stringify(row)}`
    const record = tables.get('records', key)
    if (!record || record.deleted) return `${sim.name} has ${label(key)}, and the server has not`
    if (!grants.includes(row.scope)) return `${sim.name} still has ${label(key)}, and no grant for it`
  }
  return null
}

/** What the devices were told, and the server has to know for good. */
export function checkAnswers({ oracle, database }: World, devices: readonly SimDevice[]): void {
  for (const { watch, name } of devices) {
    for (const opId of watch.acknowledged) {
      oracle.check(
        'AckDurable',
        oracle.answer(opId) !== undefined,
        () => `${opId} was acknowledged to ${name}, and the server does not know it`,
      )
    }
    for (const opId of watch.refused) {
      oracle.check(
        'DLQConserve',
        isBuried(database.tables, opId),
        () => `${opId} was refused to ${name}, and the server has no dead letter of it`,
      )
    }
  }
}

const isBuried = (tables: Tables, opId: string) => tables.all('letters').some(({ op_id }) => op_id === opId)

/** The last look, once everything is quiet. */
export function checkEnding(world: World): void {
  const { oracle, database } = world
  const { check } = oracle
  const { tables } = database
  for (const [key, history] of oracle.log.histories) {
    const last = history.at(-1)!
    const record = tables.get('records', key)
    const agrees = record?.version === last.after_version && jsonEqual(record.data, last.data)
    check('AuditReplay', agrees, () => `${label(key)}: the fold of the log is not the table`)
  }
  for (const record of tables.all('records')) {
    const key = recordKey(record.scope, record.table, record.id)
    check(
      'AuditReplay',
      oracle.log.histories.has(key),
      () => `${label(key)} is in the table and not in the log`,
    )
  }
  checkLetters(world)
  oracle.sagas.ended(tables)
  for (const conflict of tables.all('conflicts')) {
    if (conflict.state !== 'resolved') continue
    const key = recordKey(conflict.scope, conflict.table, conflict.record_id)
    const told = oracle.log.histories.get(key)?.some((state) => state.conflict_id === conflict.id)
    check('NoSilentLoss', told === true, () => `${conflict.id} was resolved, and no device is told`)
  }
}

/** In = replayed + discarded + open; a replay is an operation of its own, and succeeds once. */
function checkLetters(world: World): void {
  const { oracle, database } = world
  const { check } = oracle
  const attempts = database.tables.all('attempts')
  const used = new Set<string>()
  for (const letter of database.tables.all('letters')) {
    const own = attempts.filter(({ dead_letter_id }) => dead_letter_id === letter.id)
    const successes = own.filter(({ outcome }) => outcome === 'replayed' || outcome === 'conflict')
    const wanted = letter.state === 'replayed' ? 1 : 0
    check(
      'DLQConserve',
      own.some(({ outcome }) => outcome === 'received'),
      () => `${letter.id} came from nowhere`,
    )
    check(
      'DLQConserve',
      successes.length === wanted,
      () => `${letter.id} is ${letter.state}, and was replayed ${successes.length} times`,
    )
    const { replay_op_id: opId } = letter
    checkHeld(world, letter)
    if (opId === null) continue
    // An operation that holds several refused ones is the replay of each.
    if (holders(world, letter).includes(opId)) continue
    check(
      'DLQConserve',
      !used.has(opId) && opId !== letter.op_id,
      () => `the replay of ${letter.id} reuses ${opId}`,
    )
    used.add(opId)
  }
  for (const { dead_letter_id } of attempts) {
    const exists = database.tables.get('letters', dead_letter_id) !== undefined
    check('DLQConserve', exists, () => `${dead_letter_id} is gone`)
  }
}

/** Operations that say they hold a refused one: those of its device, and replays of their dead letters. */
function holders({ oracle, database }: World, { op_id: opId, device_id }: Rows['letters']): string[] {
  if (opId === null) return []
  const sent = [...oracle.log.sent.values()].flatMap((each) =>
    each.contains?.includes(opId) && oracle.answer(each.op_id)?.device_id === device_id ? [each.op_id] : [],
  )
  const replays = database.tables
    .all('letters')
    .flatMap(({ op_id, replay_op_id }) =>
      op_id && replay_op_id && sent.includes(op_id) ? [replay_op_id] : [],
    )
  return [...sent, ...replays]
}

/** What was taken within another operation is not there to be replayed. A restored server, or a copy, may refuse it later. */
function checkHeld(world: World, letter: Rows['letters']): void {
  const { oracle } = world
  if (letter.state === 'replayed' || !letter.device_id) return
  if (oracle.restores > 0 || world.twins.has(letter.device_id)) return
  const taken = holders(world, letter).find((opId) => oracle.answer(opId)?.kind === 'accepted')
  oracle.check(
    'DLQConserve',
    taken === undefined,
    () => `${letter.id} is ${letter.state}, and ${taken}, which holds it, was taken`,
  )
}
