import { PageHeader } from '#components/shell/page-header.tsx'
import { ButtonLink } from '#components/ui/button.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'

export default function NotFound() {
  return (
    <>
      <PageHeader title="Not found" />
      <EmptyState title="Nothing is here" action={<ButtonLink href="/">Go to Health</ButtonLink>}>
        The id may be mistyped, or what it showed is older than what is kept.
      </EmptyState>
    </>
  )
}
