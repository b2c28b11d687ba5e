import { queryPrepared, type Database } from '../db.ts'
import { sqlState } from '../sql-state.ts'
import { feedStore } from './feed-store.ts'
import {
  commitParameters,
  commitResentStatement,
  commitStatement,
  loadParameters,
  loadStatement,
  readLoaded,
} from './payload.ts'
import { sagaStore } from './saga-store.ts'
import type { LoadedLetter } from './settling-rows.ts'
import type { Committed, KnownAnswers, SyncStore } from './store.ts'

/** The sync engine's database: prisma/migrations/20261122190000_push_in_lists for what is written. */
export function postgresStore(db: Database): SyncStore {
  return {
    ...feedStore(db),
    ...sagaStore(db),

    async load(request) {
      const [row] = await queryPrepared<{ loaded: string; life: string }>(
        db,
        loadStatement,
        loadParameters(request),
      )
      return readLoaded(row!, request)
    },

    async answered({ device, op_ids: opIds, dead_letters: letters }) {
      const [row] = await queryPrepared<{ known: KnownAnswers }>(
        db,
        { name: 'known_answers', text: knownAnswers },
        [device, opIds, letters],
      )
      return row!.known
    },

    lettersOf: ({ device, op_ids: opIds }) =>
      queryPrepared<LoadedLetter>(db, { name: 'letters_of', text: lettersOf }, [device, opIds]),

    async commit(request) {
      try {
        const parameters = commitParameters(request)
        const { resent } = request
        const [row] = resent
          ? await queryPrepared<{ committed: Committed | null }>(db, commitResentStatement, [
              ...parameters,
              JSON.stringify({ ...resent, trace_id: request.trace_id }),
            ])
          : await queryPrepared<{ committed: Committed | null }>(db, commitStatement, parameters)
        return row?.committed ?? 'moved'
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

const lettersOf = `
  SELECT l.id, l.op_id, l.state, l.schema_version, l.change,
    (SELECT json_build_object('data', c.data) FROM feed_change c WHERE c.record_id = l.record_id AND c."table" = l."table"
      AND c.op_id = l.op_id AND c.device_id = l.device_id AND c.effect IN ('UPSERT', 'DELETE') LIMIT 1) AS written
  FROM dead_letter l
  WHERE l.device_id = $1::uuid AND l.op_id = ANY ($2::uuid[]) ORDER BY l.id`

/** OFFSET keeps the device out of the look-up: by its key, everything it ever sent would be read. */
const knownAnswers = `
  SELECT json_build_object(
    'results', coalesce((SELECT json_agg(json_build_object('op_id', o.op_id, 'hash', encode(o.payload_hash, 'hex'),
        'kind', o.kind, 'code', CASE o.kind WHEN 'accepted' THEN a.entry->>'outcome' ELSE a.entry->>'code' END,
        'version', CASE o.kind WHEN 'accepted' THEN (a.entry->>'version')::int
          WHEN 'conflict' THEN (a.entry->>'server_version')::int END,
        'ref', CASE o.kind WHEN 'conflict' THEN a.entry->>'conflict_id'
          WHEN 'rejected' THEN a.entry->>'dead_letter_id' END) ORDER BY o.op_id)
      FROM (SELECT * FROM op_result r WHERE r.op_id = ANY ($2::uuid[]) OFFSET 0) o,
        LATERAL (SELECT o.answer::json AS entry) a WHERE o.device_id = $1::uuid), '[]'),
    'dead_letters', coalesce((SELECT json_agg(l.id ORDER BY l.id) FROM dead_letter l
      WHERE l.id = ANY ($3::uuid[]) AND l.device_id = $1::uuid), '[]'),
    'forgotten', coalesce((SELECT json_agg(json_build_object('incarnation', s.incarnation, 'seq', s.pruned_seq)
        ORDER BY s.incarnation) FILTER (WHERE s.pruned_until IS NOT NULL)
      FROM device_stream s WHERE s.device_id = $1::uuid), '[]')) AS known`
