'use client'

import { parseAsInteger, parseAsString, useQueryStates } from 'nuqs'
import { useMemo, useTransition } from 'react'

/**
 * The filters, sort and page of a list, as the URL has them. Changing one goes back to the first page;
 * the server renders the list again.
 */
export function useFilters<Name extends string>(names: readonly Name[]) {
  const [pending, startTransition] = useTransition()
  const signature = names.join(' ')
  const parsers = useMemo(
    () => ({
      ...Object.fromEntries(signature.split(' ').map((name) => [name, parseAsString])),
      cursor: parseAsString,
      page: parseAsInteger,
    }),
    [signature],
  )
  const [state, setState] = useQueryStates(parsers, { shallow: false, scroll: false, startTransition })
  const values = state as Record<Name, string | null> & { cursor: string | null; page: number | null }

  const set = (change: Partial<Record<Name, string | null>>, history: 'push' | 'replace' = 'push') =>
    void setState({ ...change, cursor: null, page: null }, { history })
  const clear = () =>
    set(Object.fromEntries(names.map((name) => [name, null])) as Partial<Record<Name, null>>)
  const filtered = names.some((name) => name !== 'sort' && values[name] !== null)
  return { values, set, clear, filtered, pending }
}
