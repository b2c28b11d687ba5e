'use client'

import { ErrorState } from '#components/ui/error-state.tsx'

const words: Record<string, { title: string; detail: string }> = {
  unavailable: {
    title: 'The database does not answer in time',
    detail: 'Nothing that was acknowledged is lost. Devices keep their changes and try again by themselves.',
  },
  invalid_request: {
    title: 'This address is not one of this page',
    detail:
      'A filter or cursor in it is not valid, perhaps an old one. Open the page anew from the navigation.',
  },
  forbidden: { title: 'Your role does not open this page', detail: 'Ask an admin for the role it needs.' },
}

/** A page that failed: what happened, what was not lost, the trace, and another try. */
export function Failure({ error, retry }: { error: unknown; retry: () => void }) {
  const digest = typeof error === 'object' && error !== null && 'digest' in error ? String(error.digest) : ''
  const [code = '', traceId] = digest.split(':')
  return <ErrorState {...words[code]} traceId={traceId ?? (digest || undefined)} onRetry={retry} />
}
