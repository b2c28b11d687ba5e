import { Client } from 'pg'
import type { Database } from '../../db.ts'
import { RawDevice } from '../../testing/raw-device.ts'
import type { Ask } from '../store.ts'

/** A connection as the owner of the database, as jobs have one. */
export async function ownerOf(url: string): Promise<{ ask: Ask; end: () => Promise<void> }> {
  const client = new Client({ connectionString: url })
  await client.connect()
  return {
    ask: async (sql, values) => (await client.query(sql, values)).rows,
    end: () => client.end(),
  }
}

/**
 * Makes a scope's commits up to `upTo` older by `days`, as if they had been written then: times lie under the chain, so
 * it is made anew.
 */
export async function age(ask: Ask, scope: string, upTo: number, days: number): Promise<void> {
  await ask(`DO $do$
    DECLARE
      k feed_commit;
      v_chain bytea := coalesce((SELECT chain FROM feed_checkpoint WHERE scope = '${scope}'), sha256('holdfast feed ${scope}'));
    BEGIN
      SET LOCAL session_replication_role = 'replica';
      UPDATE feed_change ch SET committed_at = ch.committed_at - interval '${days} days'
        FROM feed_commit c WHERE c.scope = '${scope}' AND c.seq <= ${upTo}
          AND ch.scope = c.scope AND ch.batch = c.batch AND ch.committed_at = c.committed_at;
      UPDATE feed_commit SET committed_at = committed_at - interval '${days} days' WHERE scope = '${scope}' AND seq <= ${upTo};
      FOR k IN SELECT c.* FROM feed_commit c JOIN feed_head h ON h.scope = c.scope
        WHERE c.scope = '${scope}' AND c.seq > h.min_seq ORDER BY c.seq
      LOOP
        v_chain := feed_link(v_chain, k.digest, k.position, k.committed_at);
        UPDATE feed_commit SET chain = v_chain WHERE scope = '${scope}' AND seq = k.seq;
      END LOOP;
      UPDATE feed_head SET chain = v_chain WHERE scope = '${scope}';
    END $do$`)
}

/** Where a scope's feed stands. */
export async function headOf(ask: Ask, scope: string): Promise<{ seq: number; min: number }> {
  const [head] = await ask<{ seq: number; min: number }>(
    `SELECT seq::int, min_seq::int AS min FROM feed_head WHERE scope = $1`,
    [scope],
  )
  return head!
}

/** Writes one record in five versions, deletes another, leaves a third: one commit each, eight in all. */
export async function history(db: Database, scope: string, table = 'things') {
  const writer = await RawDevice.enrol(db, [scope])
  const make = (data: object) => writer.change({ scope, table, data: { ...data } })
  const [edited, removed, kept] = [make({ n: 0 }), make({ n: 'gone' }), make({ n: 'kept' })]
  for (const change of [edited, removed, kept]) await writer.send([change])
  const on = ({ record_id }: { record_id: string }, base_version: number) => ({
    scope,
    table,
    record_id,
    base_version,
  })
  for (let n = 1; n < 5; n++) {
    await writer.send([writer.change({ ...on(edited, n), operation: 'UPDATE', data: { n } })])
  }
  await writer.send([writer.change({ ...on(removed, 1), operation: 'DELETE' })])
  return { writer, on, edited: edited.record_id, removed: removed.record_id, kept: kept.record_id }
}
