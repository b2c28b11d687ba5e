import { queryPrepared, type Database } from '../db.ts'
import { sqlState } from '../sql-state.ts'
import { feedStore } from './feed-store.ts'
import { commitPayload, loadPayload } from './payload.ts'
import { sagaStore } from './saga-store.ts'
import type { Committed, Loaded, SyncStore } from './store.ts'

/** The sync engine's database: prisma/migrations/20261122132000_push_in_parts for what is written. */
export function postgresStore(db: Database): SyncStore {
  return {
    ...feedStore(db),
    ...sagaStore(db),

    async load(request) {
      const statement = { name: 'push_load', text: 'SELECT push_load($1::jsonb) AS loaded' }
      const [row] = await queryPrepared<{ loaded: Loaded }>(db, statement, [loadPayload(request)])
      return row!.loaded
    },

    async commit(request) {
      try {
        const statement = { name: 'push_commit', text: 'SELECT push_commit($1::jsonb) AS committed' }
        const [row] = await queryPrepared<{ committed: Committed }>(db, statement, [commitPayload(request)])
        return row!.committed
      } catch (error) {
        switch (sqlState(error)) {
          case 'HF001':
          case '40001': // serialisation failure
          case '40P01': // deadlock
          case '23505': // another push of the same operation was first
            return 'moved'
          case 'HF002':
            return 'stale'
          default:
            throw error
        }
      }
    },
  }
}
