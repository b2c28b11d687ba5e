import { randomBytes } from 'node:crypto'
import { SpanStatusCode, trace } from '@opentelemetry/api'
import { notFound } from 'next/navigation'
import { AppError } from '#lib/protocol/errors.ts'
import { uuid } from '#lib/protocol/sync.ts'
import { logger } from '#lib/telemetry/log.ts'
import type { Actor } from '../actor.ts'
import { requirePerson } from '../auth.ts'
import { expectedError } from './expected-error.ts'

/** What a page was rendered from, and when that was read (ms). */
export type Loaded<Data> = { actor: Actor; data: Data; asOf: number }

/**
 * The frame of every console page, as `handle` is of every route: who looks, what they see, under one span.
 * A failure reaches the page's error.tsx as `digest` = `<code>:<trace id>`, which is all that Next lets through.
 * @param name of the page, for the span and the log
 * @throws Next's own redirect (not signed in) and notFound
 */
export async function loadPage<Data>(
  name: string,
  load: (actor: Actor) => Promise<Data>,
): Promise<Loaded<Data>> {
  return trace.getTracer('holdfast').startActiveSpan(`page.${name}`, async (span) => {
    try {
      const actor = await requirePerson()
      return { actor, data: await load(actor), asOf: Date.now() }
    } catch (error) {
      if (isNextSignal(error)) throw error
      if (error instanceof AppError && error.code === 'not_found') notFound()
      const { code } = expectedError(error)
      const recorded = trace.isSpanContextValid(span.spanContext())
      const traceId = recorded ? span.spanContext().traceId : randomBytes(16).toString('hex')
      if (code === 'internal' || code === 'unavailable') {
        span.setStatus({ code: SpanStatusCode.ERROR, message: code })
        logger.error({ event: 'page.failed', page: name, trace_id: traceId, code, err: error }, 'page failed')
      }
      throw Object.assign(new Error(`page ${name} failed`, { cause: error }), {
        digest: `${code}:${traceId}`,
      })
    } finally {
      span.end()
    }
  })
}

/** Redirects and not-founds travel as errors that Next marks. */
function isNextSignal(error: unknown): boolean {
  return error instanceof Error && 'digest' in error && String(error.digest).startsWith('NEXT_')
}

/** The id in a page's address. @throws AppError `not_found` where it cannot be one, before anything is asked */
export function pageId(params: { id: string }): string {
  const id = uuid.safeParse(params.id.toLowerCase())
  if (!id.success) throw new AppError('not_found', 'There is nothing with this id.')
  return id.data
}
