import type { Finding } from '../finding.ts'

export type Column = { table: string; column: string; type: string }
/** Tables of which every value is held against something. */
export const guarded = [
  'record',
  'feed_change',
  'feed_commit',
  'feed_head',
  'feed_checkpoint',
  'audit',
  'audit_head',
  'op_result',
  'saga',
  'saga_step',
]
/** What the sweep counts until it tells the audit, and when a checkpoint was made; what docs/decisions names of sagas. */
export const unguarded =
  /^feed_checkpoint\.(purged_|thinned_|created_at)|^audit_head\.id$|^saga\.(trace_id|revision)$/
/** Neither was the record's log compacted, nor are its texts edited by steps. */
const isWhole = `"table" <> 'by-ot' AND record_id NOT IN (
  SELECT f.record_id FROM feed_change f JOIN feed_checkpoint k ON k.scope = f.scope)`
/** Where a column follows from something else. */
export const provable: Record<string, string> = {
  // What was no change left nothing that says when.
  'op_result.created_at': `answer NOT LIKE '%"no_change"%'`,
  'op_result.payload_hash': `(kind = 'rejected' OR ${isWhole})`,
  'op_result.stands_on': `kind <> 'rejected' AND ${isWhole}`,
  'saga.failed_step': `cause = 'step_failed'`,
  'saga.started_at': `state = 'completed'`,
  'saga.progressed_at': `state = 'completed'`,
  'saga.ended_at': `state = 'completed'`,
  'saga_step.schema_version': 'dead_letter_id IS NOT NULL',
  'saga_step.trace_id': `state = 'applied' AND after_version IS NOT NULL`,
  'saga_step.undo_detail': 'undo_detail IS NULL',
  'saga_step.undone_at': `undo IN ('restored', 'merged')`,
}

/** Another value of each type. */
export const flips: Record<string, string> = {
  _text: `ARRAY['flipped']`,
  text: `CASE WHEN %c = '' THEN 'x' ELSE overlay(%c PLACING CASE WHEN left(%c, 1) = '0' THEN '1' ELSE '0' END FROM 1 FOR 1) END`,
  int4: '%c + 1000',
  int8: '%c + 1000',
  bool: 'NOT %c',
  uuid: 'gen_random_uuid()',
  timestamptz: `%c + interval '1 millisecond'`,
  bytea: 'set_byte(%c, 0, get_byte(%c, 0) # 1)',
  jsonb: `CASE WHEN jsonb_typeof(%c) = 'object' THEN %c || '{"flipped": 1}' ELSE '[{"path":"flipped","value":1,"from":"client","hlc":"h"}]'::jsonb END`,
}

/** Where nothing stood. */
export const written: Record<string, string> = {
  text: `'x'`,
  uuid: 'gen_random_uuid()',
  jsonb: `'{"n": 1}'`,
  int4: '1',
  int8: '1',
  timestamptz: 'now()',
}

/** Whether a finding leads to the row. */
export function isAbout(finding: Finding, table: string, row: Record<string, unknown>): boolean {
  switch (table) {
    case 'record':
      return (
        finding.scope === row['scope'] && finding.table === row['table'] && finding.record_id === row['id']
      )
    case 'feed_change':
    case 'feed_commit':
      return finding.scope === row['scope'] && finding.seq === row['seq']
    case 'op_result':
      return finding.check === 'answers' && (finding.id === row['op_id'] || finding.seq === row['seq'])
    case 'saga':
      return finding.check === 'sagas' && (finding.id === row['id'] || finding.id === row['retry_of'])
    case 'saga_step':
      return (
        finding.check === 'sagas' && (finding.id === row['saga_id'] || finding.record_id === row['record_id'])
      )
    case 'audit':
      return finding.check === 'audit' && finding.id === String(row['id'])
    case 'audit_head':
      return finding.check === 'audit'
    default:
      return finding.scope === row['scope']
  }
}
