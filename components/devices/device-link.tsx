import { shortenMiddle } from '#components/ui/shorten.ts'
import { Link } from '#components/ui/link.tsx'

/** A device by its name, where it has one. */
export function DeviceLink({ id, name }: { id: string | null; name: string | null }) {
  if (id === null) return <span className="text-faint">–</span>
  return (
    <Link href={`/devices/${id}`} className="row-link font-normal">
      {name ?? shortenMiddle(id)}
    </Link>
  )
}
