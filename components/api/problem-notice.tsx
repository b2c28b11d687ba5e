import { Notice } from '#components/ui/notice.tsx'
import { ShortId } from '#components/ui/short-id.tsx'
import type { ApiProblem } from './request.ts'

/** Why a write was refused, where it was tried. */
export function ProblemNotice({ title, problem }: { title: string; problem: ApiProblem | undefined }) {
  if (!problem) return null
  return (
    <Notice state="critical" title={title} alert>
      <p>{problem.message}</p>
      {problem.errors.length > 0 ? (
        <ul className="mt-1 font-mono text-12">
          {problem.errors.map((error) => (
            <li key={`${error.pointer} ${error.detail}`}>
              {error.pointer || '/'} {error.detail}
            </li>
          ))}
        </ul>
      ) : null}
      {problem.traceId ? (
        <p className="text-faint">
          Trace <ShortId id={problem.traceId} label="trace id" />
        </p>
      ) : null}
    </Notice>
  )
}
