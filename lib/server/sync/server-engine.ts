import { setTimeout as sleep } from 'node:timers/promises'
import { v7 as newId } from 'uuid'
import { syncLog } from '#lib/telemetry/sync-log.ts'
import { database, type Database } from '../db.ts'
import { notifyChanged } from '../stream/notify.ts'
import { policyCache } from '../tables/policy-cache.ts'
import type { Engine } from './engine.ts'
import { postgresStore } from './postgres-store.ts'
import { serverSecret } from './secret.ts'
import { serverStamps } from './stamps.ts'
import { takeTurns } from './turns.ts'

// Next bundles instrumentation and routes apart: what they share hangs on globalThis.
const holder = globalThis as { holdfastEngines?: WeakMap<Database, Engine> }

/** The engine of this process on a Postgres. */
export function serverEngine(db: Database = database()): Engine {
  const engines = (holder.holdfastEngines ??= new WeakMap())
  const known = engines.get(db)
  if (known) return known
  const engine: Engine = {
    store: postgresStore(db),
    policies: policyCache(db),
    now: Date.now,
    random: Math.random,
    newId,
    sleep,
    secret: serverSecret,
    stamps: serverStamps(Date.now),
    turns: takeTurns(),
    notify: notifyChanged,
    log: syncLog(),
  }
  engines.set(db, engine)
  return engine
}
