'use client'

import { Button } from '#components/ui/button.tsx'
import { shortenMiddle } from '#components/ui/shorten.ts'

type FilterChipsProps<Name extends string> = {
  /** Filters that other pages link to, with how they are called here. */
  names: Readonly<Record<Name, string>>
  values: Readonly<Record<NoInfer<Name>, string | null>>
  onRemove: (name: NoInfer<Name>) => void
  /** A better word for a value than itself: a device's name for its id. */
  words?: Partial<Record<NoInfer<Name>, string | null | undefined>>
}

/** The filters that came with the address: they can be seen, and taken away one by one. */
export function FilterChips<Name extends string>({ names, values, onRemove, words }: FilterChipsProps<Name>) {
  return (Object.keys(names) as Name[]).map((name) => {
    const value = values[name]
    if (value === null) return null
    return (
      <Button key={name} onClick={() => onRemove(name)}>
        <span className="text-faint">{names[name]}</span> {words?.[name] ?? shortenMiddle(value, 20)}
        <span aria-hidden className="text-faint">
          ×
        </span>
        <span className="sr-only">, remove this filter</span>
      </Button>
    )
  })
}
