import { Badge } from '#components/ui/badge.tsx'
import { DiffView } from '#components/ui/diff-view.tsx'
import { JsonValue } from '#components/ui/json-value.tsx'
import { Time } from '#components/ui/time.tsx'
import { isJsonObject } from '#lib/core/json.ts'
import { formatPath } from '#lib/core/merge.ts'
import { sagaOfRule } from '#lib/core/saga.ts'
import type { RecordVersion } from '#lib/protocol/console.ts'
import { Link } from '#components/ui/link.tsx'
import { deedWords, isUndoing, ruleWords } from './words.ts'

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
              {version.effect === 'NONE' ? `Still version ${version.version}` : `Version ${version.version}`}
            </b>
            <span className="min-w-0 break-words text-muted">
              {deedWords(version)} <Author version={version} />
            </span>
            <span className="flex-1" />
            <Time at={version.at} className="text-12 text-faint" />
          </p>
          <p className="mt-1 flex flex-wrap items-center gap-1.5 text-12 text-faint">
            {ruleWords(version) === null ? null : <Badge>{ruleWords(version)}</Badge>}
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
                {version.lost.flatMap(placesOf).map(({ path, from, value }) => (
                  <div key={`${path} ${from}`} className="contents">
                    <dt className="max-w-40 font-mono text-12 break-words text-faint">
                      {path || 'whole record'}
                    </dt>
                    <dd className="min-w-0">
                      <JsonValue value={value} whole />
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

function Author({ version }: { version: RecordVersion }) {
  const { kind, id, name } = version.by
  if (isUndoing(version)) return 'the server, undoing a saga'
  if (kind !== 'device') return name ?? (kind === 'system' ? 'the server' : 'a person')
  return (
    <Link href={`/devices/${id}`} className="link">
      {name ?? 'a device'}
    </Link>
  )
}

type Lost = RecordVersion['lost'][number]

/** A record that gave way as a whole is read field by field. */
function placesOf(lost: Lost): Lost[] {
  if (lost.path !== '' || !isJsonObject(lost.value)) return [lost]
  return Object.entries(lost.value).map(([name, value]) => ({ ...lost, path: formatPath([name]), value }))
}

function SagaLink({ rule }: Pick<RecordVersion, 'rule'>) {
  const saga = sagaOfRule(rule)
  return saga ? (
    <Link href={`/sagas/${saga.id}`} className="link">
      Saga, step {saga.step}
    </Link>
  ) : null
}
