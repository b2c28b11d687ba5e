import { Skeleton, TableSkeleton } from '#components/ui/skeleton.tsx'
import { PageBody } from './page-header.tsx'

function HeaderLoading({ label }: { label: string }) {
  return (
    <header className="flex h-12 items-center border-b border-line px-4 lg:px-6">
      <h1 className="sr-only">{label}</h1>
      <Skeleton className="h-4 w-32" />
    </header>
  )
}

/** A list on its way. */
export function ListLoading({ label }: { label: string }) {
  return (
    <>
      <HeaderLoading label={label} />
      <PageBody>
        <Skeleton className="h-7 w-80 max-w-full" />
        <TableSkeleton label={label} rows={14} />
      </PageBody>
    </>
  )
}

/** One thing on its way. */
export function DetailLoading() {
  return (
    <>
      <HeaderLoading label="Loading" />
      <PageBody>
        <div role="status" aria-label="Loading" className="flex flex-col gap-4">
          <Skeleton className="h-28 w-full rounded-lg" />
          <Skeleton className="h-72 w-full rounded-lg" />
        </div>
      </PageBody>
    </>
  )
}

/** The board on its way. */
export function BoardLoading() {
  return (
    <>
      <HeaderLoading label="Loading health" />
      <PageBody>
        <div role="status" aria-label="Loading health" className="flex flex-col gap-4">
          <Skeleton className="h-7 w-72" />
          <Skeleton className="h-20 w-full rounded-lg" />
          <Skeleton className="h-20 w-full rounded-lg" />
          <div className="grid gap-4 md:grid-cols-3">
            <Skeleton className="h-56 rounded-lg" />
            <Skeleton className="h-56 rounded-lg" />
            <Skeleton className="h-56 rounded-lg" />
          </div>
        </div>
      </PageBody>
    </>
  )
}
