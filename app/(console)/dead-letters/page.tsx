import type { Metadata } from 'next'
import { DeadLetterList, type DeadLetterView } from '#components/dead-letters/dead-letter-list.tsx'
import { listQuery, type SearchParams } from '#components/list/query.ts'
import { LivePage } from '#components/live/live-page.tsx'
import { PageBody, PageHeader } from '#components/shell/page-header.tsx'
import type { Actor } from '#lib/server/actor.ts'
import { deadLetterGroupsQuerySchema, listDeadLetterGroups } from '#lib/server/dead-letters/groups.ts'
import { deadLettersQuerySchema, listDeadLetters } from '#lib/server/dead-letters/list.ts'
import { loadPage } from '#lib/server/http/page.ts'
import { parseRequest } from '#lib/server/http/parse.ts'
import { refusalOf } from '../refusal.ts'

export const metadata: Metadata = { title: 'Dead letters' }

export default async function Page({ searchParams }: { searchParams: SearchParams }) {
  const query = await listQuery(searchParams)
  const { actor, data, asOf } = await loadPage('dead_letters', (viewer) => view(viewer, query))
  return (
    <>
      <PageHeader title="Dead letters" asOf={asOf} />
      <LivePage topics={['dead_letter']} />
      <PageBody>
        <DeadLetterList view={data} refusal={refusalOf(actor, 'operator', 'Replaying')} />
      </PageBody>
    </>
  )
}

async function view(actor: Actor, query: Record<string, string>): Promise<DeadLetterView> {
  if (query['view'] === 'list') {
    const page = await listDeadLetters(
      actor,
      parseRequest(deadLettersQuerySchema, { state: 'open', ...query }),
    )
    return { kind: 'list', items: page.items, total: page.total, nextCursor: page.next_cursor }
  }
  const page = await listDeadLetterGroups(
    actor,
    parseRequest(deadLetterGroupsQuerySchema, { state: 'open', ...query }),
  )
  return { kind: 'groups', groups: page.items, total: page.total, nextCursor: page.next_cursor }
}
