'use client'

import { useEffect, useRef, useState } from 'react'
import { Icon } from '#components/ui/icon.tsx'
import { Input } from '#components/ui/field.tsx'
import { Kbd } from '#components/ui/kbd.tsx'

/** After the last key: long enough not to ask at every letter. */
const restMs = 250

type SearchBoxProps = { label: string; value: string; onChange: (value: string) => void }

/** Finds within this list; `/` comes here, Escape empties it and goes back. */
export function SearchBox({ label, value, onChange }: SearchBoxProps) {
  const [text, setText] = useState(value)
  const [given, setGiven] = useState(value)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  if (given !== value) {
    setGiven(value)
    setText(value)
  }
  useEffect(() => () => clearTimeout(timer.current), [])
  const type = (next: string) => {
    setText(next)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => onChange(next.trim()), restMs)
  }
  return (
    <div className="relative w-64 phone:w-full">
      <Icon name="search" className="pointer-events-none absolute top-1.5 left-2 text-faint touch:top-3.5" />
      <Input
        type="search"
        aria-label={label}
        placeholder={label}
        value={text}
        maxLength={200}
        onChange={(event) => type(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return
          type('')
          event.currentTarget.blur()
        }}
        className="h-7! pl-7 touch:h-11! [&::-webkit-search-cancel-button]:hidden"
      />
      {text === '' ? (
        <span aria-hidden className="pointer-events-none absolute top-1 right-1 phone:hidden">
          <Kbd>/</Kbd>
        </span>
      ) : null}
    </div>
  )
}
