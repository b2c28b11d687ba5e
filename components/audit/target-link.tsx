import { shortenMiddle } from '#components/ui/shorten.ts'
import { Link } from '#components/ui/link.tsx'

const pages: Record<string, string> = {
  device: '/devices',
  conflict: '/conflicts',
  dead_letter: '/dead-letters',
  saga: '/sagas',
}

/** What an entry is about, as a link where it has a page. */
export function TargetLink({ target, id }: { target: string; id: string }) {
  const page = pages[target]
  const words = (
    <>
      {target.replaceAll('_', ' ')} <span className="font-mono text-12">{shortenMiddle(id)}</span>
    </>
  )
  return page ? (
    <Link href={`${page}/${id}`} className="row-link font-normal">
      {words}
    </Link>
  ) : (
    <span className="text-muted">{words}</span>
  )
}
