import { setTimeout as sleep } from 'node:timers/promises'
import { Devices } from '#lib/sim/simulation/devices.ts'
import { createDice } from '#lib/sim/simulation/dice.ts'
import { checkAnswers, checkEnding } from '#lib/sim/simulation/oracle/endings.ts'
import { People } from '#lib/sim/simulation/people.ts'
import { planOf, type Narrowing, type Plan } from '#lib/sim/simulation/plan.ts'
import { SagaKeepers } from '#lib/sim/simulation/saga-keepers.ts'
import type { Outcome } from '#lib/sim/simulation/simulate.ts'
import { sagaTimeoutSetting } from '#lib/server/sagas/timeout.ts'
import { lineOf } from '#lib/server/verification/finding.ts'
import { verifyData } from '#lib/server/verification/verify.ts'
import { secret } from '#lib/sim/simulation/secret.ts'
import { openData } from '../data/open.ts'
import { Console } from './console.ts'
import { Machines } from './machines.ts'
import { RealTime } from './real-time.ts'
import { RealWorld } from './real-world.ts'
import type { Stack } from './stack.ts'

/** Real time in which everything has to come to rest once nothing goes wrong any more, on a machine that may be busy. */
const livenessMs = 300_000
/** More than two would wait for two processors. */
const maxServers = 2

export type ProcessesOptions = {
  /** How many times as fast as the wall's the clocks of devices and people go. */
  speed?: number
  keepsLines?: number
}

/**
 * Lives a seed through with real processes: the plan, the devices, the people and the oracle of `simulate`, over HTTP on
 * web processes and a PostgreSQL that are killed in between. The plan repeats with its seed; what meets what does not.
 */
export async function simulateProcesses(
  stack: Stack,
  seed: string,
  narrowing: Narrowing = {},
  { speed = 8, keepsLines = 80 }: ProcessesOptions = {},
): Promise<Outcome> {
  const plan = withKills(planOf(seed, narrowing), narrowing)
  const databaseName = `sim_${crypto.randomUUID().replaceAll('-', '')}`
  const sagaTimeoutSeconds = plan.sagaTimeoutMs / 1_000 / speed
  const { url, epoch } = await stack.newDatabase(databaseName, { [sagaTimeoutSetting]: sagaTimeoutSeconds })
  const time = new RealTime(speed)
  const world = new RealWorld({ plan, time, databaseUrl: url, epoch, keepsLines })
  const machines = new Machines(world, stack)
  try {
    await machines.begin(url)
    await world.mirror.catchUp()
    await live(world, machines, { stack, databaseUrl: url })
  } finally {
    world.isSafety = false
    // Whoever still waits for its time among the machines has it come; then nobody's comes any more.
    await machines.end()
    time.end()
    await world.mirror.close()
    await stack.dropDatabase(databaseName)
  }
  const { oracle } = world
  return {
    ...{ plan, violation: oracle.violation, counts: world.counts, checks: oracle.checks },
    ...{ trace: world.trace.tail(), virtualMs: time.elapsedMs, steps: world.mirror.looks },
    traceHash: world.trace.digest(),
  }
}

async function live(
  world: RealWorld,
  machines: Machines,
  { stack, databaseUrl }: { stack: Stack; databaseUrl: string },
): Promise<void> {
  const { oracle, time } = world
  const devices = new Devices(world, () => machines.servers, stack.enrollmentKey)
  const consoleOn = () => {
    const up = machines.servers.filter(({ isAlive }) => isAlive)
    return up.length > 0 ? new Console(world, world.dice.pick(up), stack.apiKey) : null
  }
  const isOver = () => oracle.violation !== null || world.fault !== null
  devices.begin()
  const people = new People(world, consoleOn)
  void people.work()
  void people.bringUp()
  new SagaKeepers(world, consoleOn).work()
  void machines.misfortune(() => devices.areEnrolled)
  const healsAt = time.elapsedMs + world.plan.safetyMs
  while (time.elapsedMs < healsAt && !isOver()) await sleep(50)
  world.isSafety = false
  if (isOver()) return rethrow(world)

  world.trace.add('world', 'heals')
  devices.heal()
  await machines.heal()
  const deadline = Date.now() + livenessMs
  let unrest: string | null = 'nobody looked yet'
  while (unrest !== null && Date.now() < deadline && !isOver()) {
    await sleep(250)
    await letIn(world, consoleOn())
    await world.settled()
    unrest = devices.unrest()
  }
  if (isOver()) return rethrow(world)
  const isDrained = devices.all.every(({ watch }) => watch.pending === 0)
  const late = () => `after ${livenessMs / 1_000} s: ${unrest}`
  oracle.check('Drain', isDrained, late)
  checkAnswers(world, devices.all)
  oracle.check('Convergence', unrest === null, late)
  checkEnding(world)
  const lost = await world.mirror.missing()
  oracle.check('AckDurable', lost === null, () => `at the end: ${lost}`)
  const findings = await verified(databaseUrl)
  oracle.check('AuditReplay', findings.length === 0, () => `verify:data says: ${findings.join('\n')}`)
}

/** What `npm run verify:data` finds wrong. */
async function verified(databaseUrl: string): Promise<string[]> {
  const data = await openData({
    NODE_ENV: 'production',
    DATABASE_URL: databaseUrl,
    HOLDFAST_TOKEN_SECRET: secret,
  })
  try {
    const ask = await data.connect()
    await ask('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const lines: string[] = []
    for await (const finding of verifyData(ask, { scope: undefined, secret, onProgress: () => {} })) {
      lines.push(lineOf(finding))
    }
    return lines
  } finally {
    await data.close()
  }
}

async function letIn(world: RealWorld, console: Console | null): Promise<void> {
  for (const { id, status } of world.database.tables.all('devices')) {
    if (status === 'revoked') await console?.status(id, 'active')
  }
}

function rethrow(world: RealWorld): void {
  if (world.fault !== null) throw world.fault
}

function withKills(plan: Plan, { without = [], servers, safetyMs }: Narrowing): Plan {
  const dice = createDice(`kills ${plan.seed}`)
  // Kills are what this is for; a restored server changes what else can be looked at, so not every seed has one.
  const restores = dice.chance(0.4) ? (['server_restored'] as const) : []
  const disk = dice.chance(0.4) ? (['server_disk_full'] as const) : []
  const wanted = ['server_crash', 'database_stop', ...disk, ...restores] as const
  const kills = wanted.filter((name) => !without.includes(name))
  return {
    ...plan,
    servers: Math.min(plan.servers, servers ?? maxServers, maxServers),
    // Real processes take their time to come back: longer, and busier, so that as much happens in between.
    safetyMs: Math.min(3 * plan.safetyMs, safetyMs ?? Infinity),
    editEveryMs: Math.min(plan.editEveryMs, 2_500),
    rates: { ...Object.fromEntries(kills.map((name) => [name, 1])), ...plan.rates },
  }
}
