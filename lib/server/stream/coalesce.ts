export type Coalescer<T> = { add: (items: Iterable<T>) => void; stop: () => void }

/** Hands on what was added, each thing once: at once when quiet, at most once in `restMs` when busy. */
export function coalesce<T>(restMs: number, handOn: (items: T[]) => void): Coalescer<T> {
  const waiting = new Set<T>()
  let timer: NodeJS.Timeout | null = null
  let lastMs = 0

  function flush(): void {
    timer = null
    lastMs = Date.now()
    const items = [...waiting]
    waiting.clear()
    handOn(items)
  }

  return {
    add(items) {
      for (const item of items) waiting.add(item)
      if (waiting.size > 0) timer ??= setTimeout(flush, Math.max(0, lastMs + restMs - Date.now()))
    },
    stop() {
      if (timer) clearTimeout(timer)
    },
  }
}
