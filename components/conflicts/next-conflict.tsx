'use client'

import { useRouter } from 'next/navigation'
import { useShortcuts } from '#components/keyboard/shortcuts.ts'
import { ButtonLink } from '#components/ui/button.tsx'
import { Kbd } from '#components/ui/kbd.tsx'
import { plural } from '#components/ui/quantity.ts'

/** On to the next one that waits, without going back to the list. */
export function NextConflict({ id, open }: { id: string | undefined; open: number }) {
  const router = useRouter()
  useShortcuts(
    id === undefined
      ? []
      : [
          {
            keys: 'n',
            does: 'Next open conflict',
            group: 'Conflict',
            run: () => router.push(`/conflicts/${id}`),
          },
        ],
  )
  if (id === undefined) return null
  return (
    <ButtonLink href={`/conflicts/${id}`}>
      Next <span className="text-faint phone:hidden">of {plural(open, 'open one', 'open ones')}</span>{' '}
      <span className="phone:hidden">
        <Kbd>n</Kbd>
      </span>
    </ButtonLink>
  )
}
