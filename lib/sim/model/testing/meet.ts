import type { Database } from '#lib/server/db.ts'
import type { Ask } from '#lib/server/retention/store.ts'
import type { Engine } from '#lib/server/sync/engine.ts'
import { commitParameters, commitStatement } from '#lib/server/sync/payload.ts'
import type { Committed } from '#lib/server/sync/store.ts'
import type { ModelDatabase, ModelHost } from '../model-database.ts'
import { modelStore } from '../model-store.ts'

/** What came of two that were under way at once; `secondWaited` for the first one's locks. */
export type Met = { first: unknown; second: unknown; secondWaited: boolean }
type Work = (engine: Engine) => Promise<unknown>
/** Two works: the second begins when the first has written everything, and before it ends. */
export type Meeting = { first: Work; second: Work; isRolledBack: boolean }

/** What a database under test needs for it. */
type Place = {
  engine: Engine
  /** An engine of which each transaction waits before its end, and fails with what this throws. */
  holding: (beforeEnd: () => Promise<void>) => Engine
  /** Whether somebody waits for a lock. */
  isWaiting: () => Promise<boolean>
}

async function meet(
  { engine, holding, isWaiting }: Place,
  { first, second, isRolledBack }: Meeting,
): Promise<Met> {
  const written = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const beforeEnd = async () => {
    written.resolve()
    await released.promise
    if (isRolledBack) throw new Error('rolled back')
  }
  const one = first(holding(beforeEnd)).catch(told)
  // One that has nothing to write meets nobody.
  await Promise.race([written.promise, one])
  let isOver = false
  const two = second(engine)
    .catch(told)
    .finally(() => (isOver = true))
  let secondWaited = false
  while (!isOver && !secondWaited) {
    await new Promise((resolve) => setTimeout(resolve, 2))
    secondWaited = await isWaiting()
  }
  released.resolve()
  return { first: await one, second: await two, secondWaited }
}

/** What a step of a history says of an error. */
export const told = (error: unknown): unknown =>
  error instanceof Error
    ? { error: error.message, ...('extras' in error ? { extras: error.extras } : {}) }
    : error

export function meetOnPostgres(db: Database, engine: Engine, ask: Ask, meeting: Meeting): Promise<Met> {
  const sql = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  return meet(
    {
      engine,
      isWaiting: async () => (await ask(sql)).length > 0,
      holding: (beforeEnd) => {
        const commit: Engine['store']['commit'] = (request) =>
          db.$transaction(async (tx) => {
            const parameters = commitParameters(request)
            const [row] = await tx.$queryRawUnsafe<{ committed: Committed }[]>(
              commitStatement.text,
              ...parameters,
            )
            await beforeEnd()
            return row!.committed
          })
        return { ...engine, store: { ...engine.store, commit } }
      },
    },
    meeting,
  )
}

export function meetOnModel(
  database: ModelDatabase,
  engine: Engine,
  host: ModelHost,
  meeting: Meeting,
): Promise<Met> {
  const { waits } = database.locks.counts
  return meet(
    {
      engine,
      isWaiting: async () => database.locks.counts.waits > waits,
      holding: (beforeEnd) => {
        const step: ModelHost['step'] = ({ name }) => (name === 'commit' ? beforeEnd() : Promise.resolve())
        return { ...engine, store: modelStore(database, { ...host, step }) }
      },
    },
    meeting,
  )
}
