import Link from 'next/link'
import { shortenMiddle } from '#components/ui/short-id.tsx'

/** A device by its name, where it has one. */
export function DeviceLink({ id, name }: { id: string | null; name: string | null }) {
  if (id === null) return <span className="text-faint">–</span>
  return (
    <Link href={`/devices/${id}`} className="link">
      {name ?? shortenMiddle(id)}
    </Link>
  )
}
