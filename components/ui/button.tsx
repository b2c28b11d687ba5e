import { clsx } from 'clsx'
import type { ComponentProps, ReactNode } from 'react'
import { Link } from './link.tsx'

export type ButtonKind = 'primary' | 'default' | 'quiet' | 'danger'

const kinds: Record<ButtonKind, string> = {
  primary: 'bg-accent-fill text-on-accent hover:bg-accent-fill-hover border-transparent',
  default: 'bg-surface text-ink border-line-strong hover:bg-hover',
  quiet: 'text-muted border-transparent hover:bg-hover hover:text-ink',
  danger: 'bg-surface text-crit border-line-strong hover:bg-crit-soft hover:border-crit-mark',
}

/** The look of a button, for the few things that are one but must be another element. */
export function buttonClass(kind: ButtonKind = 'default', extra?: string): string {
  return clsx(
    'pressable inline-flex h-7 shrink-0 items-center justify-center gap-1.5 rounded-md border px-2.5 text-13 font-medium whitespace-nowrap select-none touch:h-11 touch:px-4',
    'disabled:opacity-50 aria-disabled:opacity-50 data-disabled:opacity-50',
    kinds[kind],
    extra,
  )
}

type ButtonProps = { kind?: ButtonKind; busy?: boolean; children: ReactNode } & ComponentProps<'button'>

/**
 * A button says what it will do, to how many ("Replay 12 changes").
 * While busy it keeps its width and its focus and takes no second press.
 */
export function Button({
  kind = 'default',
  busy = false,
  className,
  children,
  onClick,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      className={buttonClass(kind, className)}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
      {...rest}
    >
      {children}
    </button>
  )
}

export function ButtonLink({
  kind = 'default',
  className,
  ...rest
}: { kind?: ButtonKind } & ComponentProps<typeof Link>) {
  return <Link className={buttonClass(kind, clsx('cursor-pointer', className))} {...rest} />
}
