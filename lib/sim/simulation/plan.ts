import { createDice, type Dice } from './dice.ts'

/** What few seeds have, since the oracle cannot look as closely any more once it has happened. */
const seldom = ['server_restored'] as const

/**
 * What came later, and how many of the seeds have it. It rolls dice of its own, so that a seed keeps its meaning where it
 * has none of it.
 */
const later = {
  ...{ edit_fields: 0.4, set_register: 0.3, app_versions: 0.4, app_move: 0.35 },
  ...{ saga: 0.4, saga_called_off: 0.4, saga_retried: 0.4 },
  ...{ compaction: 0.35, forgotten_answers: 0.35 },
} as const
const laterNames = Object.keys(later) as (keyof typeof later)[]

/** Everything that can go wrong, or that people and apps do beside editing. A plan has some of them; each is counted. */
export const happenings = [
  // on the way
  ...(['lose_request', 'lose_reply', 'duplicate', 'delay', 'truncate', 'corrupt', 'offline'] as const),
  // at the server
  ...(['server_crash', 'server_stall', 'database_stop', 'commit_answer_lost', 'server_disk_full'] as const),
  // on the device
  ...(['device_crash', 'device_disk_full', 'clock_skew', 'clock_jump', 'clone', 'device_restored'] as const),
  // by people
  ...(['revoke_scope', 'move', 'resync', 'put', 'resolve', 'letter', 'policy', 'revoke_device'] as const),
  // by apps
  ...(['poison', 'schema_skew', 'same_id'] as const),
  ...laterNames,
  ...seldom,
] as const
export type Happening = (typeof happenings)[number]

/** What one seed makes of the world. */
export type Plan = {
  seed: string
  devices: number
  servers: number
  /** Virtual time in which things go wrong. */
  safetyMs: number
  /** Mean time between two edits of one device. */
  editEveryMs: number
  /** The longest a statement usually takes: on a slow database transactions meet. */
  statementMs: number
  pullLimit: number
  chunkChanges: number
  /** How long a saga may rest before it is undone. */
  sagaTimeoutMs: number
  /** How long the log and first answers are kept. */
  keepMs: number
  /** How often each happens, as a factor on its usual rate. */
  rates: Partial<Record<Happening, number>>
}

/** What a person who looks for the cause of a failure may take away from a plan, and what is made to happen more. */
export type Narrowing = {
  devices?: number
  servers?: number
  safetyMs?: number
  editEveryMs?: number
  without?: readonly Happening[]
  /** In place of what the seed says of them. */
  rates?: Plan['rates']
}

export function planOf(seed: string, narrowing: Narrowing = {}): Plan {
  const dice = createDice(`plan ${seed}`)
  const plan: Plan = {
    seed,
    devices: dice.int(2, 4),
    servers: dice.int(1, 3),
    safetyMs: dice.int(40, 150) * 1_000,
    editEveryMs: dice.pick([1_500, 4_000, 8_000]),
    statementMs: dice.pick([4, 40, 300]),
    pullLimit: dice.pick([2, 5, 20, 500]),
    chunkChanges: dice.pick([1, 3, 10, 100]),
    sagaTimeoutMs: createDice(`sagas of ${seed}`).pick([5_000, 30_000, 600_000]),
    keepMs: createDice(`retention of ${seed}`).int(15, 60) * 1_000,
    rates: { ...rates(dice), ...narrowing.rates },
  }
  for (const name of narrowing.without ?? []) delete plan.rates[name]
  return {
    ...plan,
    devices: Math.min(plan.devices, narrowing.devices ?? plan.devices),
    servers: Math.min(plan.servers, narrowing.servers ?? plan.servers),
    safetyMs: Math.min(plan.safetyMs, narrowing.safetyMs ?? plan.safetyMs),
    editEveryMs: narrowing.editEveryMs ?? plan.editEveryMs,
  }
}

/** A few things often rather than everything a little: rare combinations come from few causes that meet. */
function rates(dice: Dice): Plan['rates'] {
  const share = dice.pick([0.2, 0.5, 0.9])
  const draw = (from: Dice, name: Happening, chance: number, often = [0.5, 1, 3]) =>
    from.chance(chance) ? [[name, from.pick(often)]] : []
  return Object.fromEntries([
    ...happenings.slice(0, -seldom.length - laterNames.length).flatMap((name) => draw(dice, name, share)),
    ...laterNames.flatMap((name) => draw(dice.fork(name), name, later[name])),
    ...seldom.flatMap((name) => draw(dice.fork(name), name, 0.3, [0.2, 0.5, 1])),
  ])
}
