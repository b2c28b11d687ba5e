import { plural } from '#components/ui/quantity.ts'
import { StateShape, type State } from '#components/ui/state-mark.tsx'
import type { HealthSummary } from '#lib/protocol/health.ts'
import { Link } from '#components/ui/link.tsx'

type Verdict = { state: State; words: string; href: string }

/** Is the fleet healthy? One sentence, the worst first. */
export function verdictOf(summary: HealthSummary): Verdict {
  const { states, total } = summary.devices
  const critical = states.critical.now ?? 0
  const warning = states.warning.now ?? 0
  if (total === 0) return { state: 'unknown', words: 'No device is enrolled yet', href: '/devices' }
  if (critical > 0) {
    return {
      state: 'critical',
      words: `${plural(critical, 'device needs', 'devices need')} help now`,
      href: '/devices?state=critical',
    }
  }
  if (warning > 0) {
    return {
      state: 'warning',
      words: `${plural(warning, 'device needs', 'devices need')} a look`,
      href: '/devices?state=warning',
    }
  }
  return { state: 'healthy', words: 'The fleet is healthy', href: '/devices' }
}

export function VerdictLine({ summary }: { summary: HealthSummary }) {
  const { state, words, href } = verdictOf(summary)
  return (
    <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
      <Link
        href={href}
        className="flex items-center gap-2.5 text-20 font-semibold tracking-tight hover:underline"
      >
        <StateShape state={state} className="scale-140" />
        {words}
      </Link>
      <Waiting summary={summary} />
    </p>
  )
}

function Waiting({ summary }: { summary: HealthSummary }) {
  const waiting = [
    { count: summary.conflicts_open, words: plural(summary.conflicts_open, 'conflict'), href: '/conflicts' },
    {
      count: summary.dead_letters_open,
      words: plural(summary.dead_letters_open, 'dead letter'),
      href: '/dead-letters',
    },
    {
      count: summary.sagas_stuck,
      words: plural(summary.sagas_stuck, 'stuck saga'),
      href: '/sagas?state=stuck',
    },
  ].filter((each) => each.count > 0)
  if (waiting.length === 0) return <span className="text-muted">Nothing waits for a person.</span>
  return (
    <span className="text-muted">
      {waiting.map((each, index) => (
        <span key={each.href}>
          {index === 0 ? '' : index === waiting.length - 1 ? ' and ' : ', '}
          <Link href={each.href} className="link">
            {each.words}
          </Link>
        </span>
      ))}{' '}
      {waiting.reduce((sum, { count }) => sum + count, 0) === 1 ? 'waits' : 'wait'} for a person.
    </span>
  )
}
