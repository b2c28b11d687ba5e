import { clsx } from 'clsx'
import type { ReactNode } from 'react'

type PanelProps = {
  title?: ReactNode
  /** Beside the title: the last value, a count. */
  aside?: ReactNode
  actions?: ReactNode
  children: ReactNode
  className?: string
  /** The content runs to the edges (tables, lists). */
  flush?: boolean
}

/** A surface with a hairline; its heading is a real one, so that the page has an outline. */
export function Panel({ title, aside, actions, children, className, flush = false }: PanelProps) {
  return (
    <section className={clsx('min-w-0 rounded-lg border border-line bg-surface', className)}>
      {title ? (
        <header className={clsx('flex min-h-10 items-center gap-2 px-4', flush && 'border-b border-line')}>
          <h2 className="text-13 font-semibold">{title}</h2>
          <div className="min-w-0 flex-1 truncate text-faint">{aside}</div>
          {actions}
        </header>
      ) : null}
      <div className={flush ? 'min-w-0' : clsx('min-w-0 px-4 pb-4', !title && 'pt-4')}>{children}</div>
    </section>
  )
}

/** Names and values, aligned in two columns. */
export function Facts({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <dl
      className={clsx(
        'grid grid-cols-[minmax(96px,max-content)_minmax(0,1fr)] content-start gap-x-4 gap-y-1.5',
        className,
      )}
    >
      {children}
    </dl>
  )
}

export function Fact({ name, children }: { name: ReactNode; children: ReactNode }) {
  return (
    <>
      <dt className="text-faint">{name}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </>
  )
}
