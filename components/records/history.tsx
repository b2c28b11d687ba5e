import { Badge } from '#components/ui/badge.tsx'
import { DiffView } from '#components/ui/diff-view.tsx'
import { JsonValue } from '#components/ui/json-value.tsx'
import { Time } from '#components/ui/time.tsx'
import { sagaOfRule } from '#lib/core/saga.ts'
import type { RecordVersion } from '#lib/protocol/console.ts'
import { Link } from '#components/ui/link.tsx'

/** Every operation on a record, newest first: who, by which rule, what changed, what gave way. */
export function History({ versions }: { versions: readonly RecordVersion[] }) {
  return (
    <ol aria-label="History">
      {versions.map((version) => (
        <li
          key={`${version.at} ${version.op_id ?? version.version}`}
          className="border-b border-line px-4 py-3 last:border-0"
        >
          <p className="flex flex-wrap items-baseline gap-x-2">
            <b className="font-semibold tabular-nums">
              {version.effect === 'NONE' ? `stays ${version.version}` : `Version ${version.version}`}
            </b>
            <span className="text-muted">
              {version.operation.toLowerCase()} {version.outcome.replaceAll('_', ' ')} by{' '}
              {version.by.kind === 'device' ? (
                <Link href={`/devices/${version.by.id}`} className="link">
                  {version.by.name ?? 'a device'}
                </Link>
              ) : (
                (version.by.name ?? version.by.kind)
              )}
            </span>
            <span className="flex-1" />
            <Time at={version.at} className="text-12 text-faint" />
          </p>
          <p className="mt-1 flex flex-wrap items-center gap-1.5 text-12 text-faint">
            {typeof version.rule['strategy'] === 'string' ? <Badge>{version.rule['strategy']}</Badge> : null}
            <SagaLink rule={version.rule} />
            {version.conflict_id ? (
              <Link href={`/conflicts/${version.conflict_id}`} className="link">
                Conflict
              </Link>
            ) : null}
            {version.dead_letter_id ? (
              <Link href={`/dead-letters/${version.dead_letter_id}`} className="link">
                Dead letter
              </Link>
            ) : null}
          </p>
          {version.changes.length > 0 ? (
            <div className="mt-2">
              <DiffView label={`Changes of version ${version.version}`} differences={version.changes} />
            </div>
          ) : null}
          {version.lost.length > 0 ? (
            <div className="mt-2 rounded-md border border-line bg-sunken px-3 py-2">
              <p className="text-12 font-medium text-muted">Gave way, and is kept</p>
              <dl className="mt-1 grid grid-cols-[max-content_minmax(0,1fr)] gap-x-3">
                {version.lost.map((lost) => (
                  <div key={`${lost.path} ${lost.from}`} className="contents">
                    <dt className="font-mono text-12 text-faint">{lost.path || 'whole record'}</dt>
                    <dd>
                      <JsonValue value={lost.value} whole />
                    </dd>
                  </div>
                ))}
              </dl>
            </div>
          ) : null}
        </li>
      ))}
    </ol>
  )
}

function SagaLink({ rule }: Pick<RecordVersion, 'rule'>) {
  const saga = sagaOfRule(rule)
  return saga ? (
    <Link href={`/sagas/${saga.id}`} className="link">
      Saga, step {saga.step}
    </Link>
  ) : null
}
