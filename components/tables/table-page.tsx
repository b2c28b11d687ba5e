import { Badge } from '#components/ui/badge.tsx'
import { ButtonLink } from '#components/ui/button.tsx'
import { JsonView } from '#components/ui/json-view.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Fact, Facts, Panel } from '#components/ui/panel.tsx'
import { formatBytes, plural } from '#components/ui/quantity.ts'
import { Time } from '#components/ui/time.tsx'
import type { Table, TableReach, TableVersion } from '#lib/protocol/tables.ts'
import { Link } from '#components/ui/link.tsx'
import { jsonEqual } from '#lib/core/json.ts'
import { Reach } from './reach.tsx'

/** A table's policy: how its conflicts are decided, what its records must be, and how that came about. */
export function TablePage({
  table,
  versions,
  reach,
}: {
  table: Table
  versions: TableVersion[]
  reach: TableReach
}) {
  const overrides = Object.entries(table.fields)
  return (
    <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_minmax(0,420px)]">
      <div className="flex min-w-0 flex-col gap-4">
        {table.warnings.map(({ pointer, detail }) => (
          <Notice
            key={pointer}
            state="warning"
            title="Older apps are shut out"
            actions={
              <ButtonLink href={`/dead-letters?view=list&table=${encodeURIComponent(table.name)}`}>
                What waits
              </ButtonLink>
            }
          >
            The policy {detail} <span className="font-mono text-12 break-words">{pointer}</span>
          </Notice>
        ))}
        <Panel title="Policy" aside={`version ${table.version}`}>
          <Facts>
            <Fact name="Strategy">
              <Badge mono>{table.strategy}</Badge>
            </Fact>
            <Fact name="Tiebreak">{table.tiebreak}</Fact>
            <Fact name="Delete against update">{table.on_delete ?? 'as the strategy has it'}</Fact>
            <Fact name="Priority">{table.priority}</Fact>
            <Fact name="Retention">{plural(table.retention_days, 'day')}</Fact>
            <Fact name="Largest record">{formatBytes(table.max_record_bytes)}</Fact>
            <Fact name="Schema version">{table.schema_version}</Fact>
            {table.sets.length > 0 ? <Fact name="Sets">{table.sets.join(', ')}</Fact> : null}
          </Facts>
        </Panel>
        <Reach reach={reach} retentionDays={table.retention_days} />
        {overrides.length > 0 ? (
          <Panel title="Fields that differ">
            <Facts>
              {overrides.map(([path, rule]) => (
                <Fact key={path} name={<span className="font-mono text-12">{path}</span>}>
                  {[rule.strategy, rule.type, rule.tiebreak].filter(Boolean).join(', ')}
                </Fact>
              ))}
            </Facts>
          </Panel>
        ) : null}
        <Panel title="Rules" aside={table.rules.length}>
          {table.rules.length === 0 ? (
            <p className="text-muted">None: a record need only fit the schema.</p>
          ) : (
            <ul className="flex flex-col gap-3">
              {table.rules.map((rule) => (
                <li key={rule.rule}>
                  <p className="font-mono text-12">{rule.rule}</p>
                  <p className="text-12 text-faint">
                    {rule.message} {rule.field ? `(${rule.field})` : ''}
                  </p>
                </li>
              ))}
            </ul>
          )}
        </Panel>
        <Panel title="Schema">
          {table.schema ? (
            <JsonView label="Schema" value={table.schema} />
          ) : (
            <p className="text-muted">None: any object is a record.</p>
          )}
        </Panel>
      </div>
      <div className="flex min-w-0 flex-col gap-4">
        <Panel title="Its data">
          <ul className="flex flex-col gap-1.5">
            <li>
              <Link href={`/records?table=${encodeURIComponent(table.name)}`} className="link">
                Records
              </Link>
            </li>
            <li>
              <Link href={`/conflicts?table=${encodeURIComponent(table.name)}`} className="link">
                Open conflicts
              </Link>
            </li>
            <li>
              <Link href={`/dead-letters?view=list&table=${encodeURIComponent(table.name)}`} className="link">
                Dead letters
              </Link>
            </li>
            <li>
              <Link href={`/syncs?table=${encodeURIComponent(table.name)}`} className="link">
                Syncs
              </Link>
            </li>
            <li>
              <Link href={`/audit?target=table&target_id=${encodeURIComponent(table.name)}`} className="link">
                Audit
              </Link>
            </li>
          </ul>
        </Panel>
        <Panel title="Versions" aside={versions.length}>
          <ol className="flex flex-col gap-1.5">
            {versions.map((version, index) => (
              <li key={version.version} className="flex items-baseline gap-2">
                <span className="w-8 tabular-nums">{version.version}</span>
                <span className="min-w-0 flex-1">
                  <span className="block truncate text-muted">{version.created_by}</span>
                  <span className="block text-12 break-words text-faint">
                    {changedMembers(versions[index + 1], version)}
                  </span>
                </span>
                <Time at={version.created_at} className="text-12 text-faint" />
              </li>
            ))}
          </ol>
        </Panel>
      </div>
    </div>
  )
}

/** What a version changed against the one before it. */
function changedMembers(before: TableVersion | undefined, { version, policy }: TableVersion): string {
  // The list ends at the hundredth: what came before that one is not known here.
  if (!before) return version === 1 ? 'made the table' : ''
  const members = new Set([...Object.keys(before.policy), ...Object.keys(policy)])
  return [...members]
    .filter((member) => !jsonEqual(before.policy[member], policy[member]))
    .map((member) => member.replaceAll('_', ' '))
    .join(', ')
}
