'use client'

import { clsx } from 'clsx'
import { shortenMiddle } from './shorten.ts'
import { toast } from './toast.tsx'
import { Tooltip } from './tooltip.tsx'

/** An id: shortened in the middle, whole on hover, copied on click. */
export function ShortId({ id, label = 'id', className }: { id: string; label?: string; className?: string }) {
  const copy = async () => {
    await navigator.clipboard.writeText(id)
    toast(`Copied ${label}`)
  }
  return (
    <Tooltip tip={<span className="font-mono break-all">{id}</span>}>
      <button
        type="button"
        aria-label={`${shortenMiddle(id)}, copy ${label}`}
        onClick={() => void copy()}
        className={clsx(
          'pressable -mx-1 -my-0.5 inline-flex h-6 items-center align-middle rounded-sm px-1 font-mono text-12 text-muted hover:bg-hover hover:text-ink',
          className,
        )}
      >
        {shortenMiddle(id)}
      </button>
    </Tooltip>
  )
}
