import { clsx } from 'clsx'
import { useId, type ComponentProps, type ReactNode } from 'react'

const controlClass =
  'pressable w-full rounded-md border border-control/60 bg-surface px-2.5 text-ink placeholder:text-faint hover:border-control focus-visible:border-accent focus-visible:outline-1 focus-visible:outline-offset-0 aria-invalid:border-crit-mark'

export function Input({ className, ...rest }: ComponentProps<'input'>) {
  return <input className={clsx(controlClass, 'h-8 text-13 touch:h-11', className)} {...rest} />
}

/** For JSON and the like: set in mono. */
export function TextArea({ className, ...rest }: ComponentProps<'textarea'>) {
  return (
    <textarea
      className={clsx(controlClass, 'min-h-16 py-1.5 font-mono text-12 leading-[18px]', className)}
      {...rest}
    />
  )
}

type FieldProps = {
  label: ReactNode
  hint?: ReactNode
  error?: ReactNode
  className?: string
  /** Receives the ids that tie the control to its label, hint and error. */
  children: (control: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: true }) => ReactNode
}

/** A labelled control; the error stands where the eye is and is tied to the control for those who hear it. */
export function Field({ label, hint, error, className, children }: FieldProps) {
  const id = useId()
  const described = [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ')
  return (
    <div className={clsx('flex flex-col gap-1', className)}>
      <label htmlFor={id} className="text-12 font-medium text-muted">
        {label}
      </label>
      {children({
        id,
        ...(described ? { 'aria-describedby': described } : {}),
        ...(error ? { 'aria-invalid': true as const } : {}),
      })}
      {hint ? (
        <p id={`${id}-hint`} className="text-12 text-faint">
          {hint}
        </p>
      ) : null}
      {error ? (
        <p id={`${id}-error`} role="alert" className="text-12 text-crit">
          {error}
        </p>
      ) : null}
    </div>
  )
}
