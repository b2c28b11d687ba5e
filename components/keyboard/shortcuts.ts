'use client'

import { useEffect, useRef, useSyncExternalStore } from 'react'

/** What a key does here. `keys` is one key (`j`, `?`, `Enter`) or two in a row (`g d`). */
export type Shortcut = { keys: string; does: string; group: string; run: (event: KeyboardEvent) => void }

const sets = new Map<symbol, readonly Shortcut[]>()
const listeners = new Set<() => void>()
let listed: readonly Shortcut[] = []
let prefix = ''
let prefixAt = 0

/** A second key counts as part of a sequence for this long. */
const sequenceMs = 900

function changed(): void {
  listed = [...sets.values()].flat()
  for (const listener of listeners) listener()
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.closest('input, textarea, select, [contenteditable], [role="combobox"]') !== null
  )
}

/** Keys belong to the page only while nothing modal or floating has them. */
function isElsewhere(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.closest('[role="dialog"], [role="menu"], [role="listbox"]') !== null
  )
}

function onKeyDown(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey) return
  if (isTyping(event.target) || isElsewhere(event.target)) return
  const now = event.timeStamp
  const sequence = prefix !== '' && now - prefixAt < sequenceMs ? `${prefix} ${event.key}` : event.key
  // Registered last wins: what is nearest to the person shadows what is everywhere.
  const match = listed.findLast((each) => each.keys === sequence)
  prefix = ''
  if (match) {
    event.preventDefault()
    match.run(event)
  } else if (listed.some((each) => each.keys.startsWith(`${event.key} `))) {
    prefix = event.key
    prefixAt = now
  }
}

/** Gives keys a meaning while the component is mounted; the help (`?`) lists them. */
export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  const latest = useRef(shortcuts)
  useEffect(() => {
    latest.current = shortcuts
  })
  const signature = shortcuts.map((each) => `${each.keys}\t${each.does}\t${each.group}`).join('\n')
  useEffect(() => {
    const id = Symbol('shortcuts')
    const stable =
      signature === ''
        ? []
        : signature.split('\n').map((line, index): Shortcut => {
            const [keys = '', does = '', group = ''] = line.split('\t')
            return { keys, does, group, run: (event) => latest.current[index]?.run(event) }
          })
    if (sets.size === 0) document.addEventListener('keydown', onKeyDown)
    sets.set(id, stable)
    changed()
    return () => {
      sets.delete(id)
      if (sets.size === 0) document.removeEventListener('keydown', onKeyDown)
      changed()
    }
  }, [signature])
}

const none: readonly Shortcut[] = []

export function useShortcutList(): readonly Shortcut[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => listed,
    () => none,
  )
}
