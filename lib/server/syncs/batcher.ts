export type Batcher<T> = {
  /**
   * Resolves when the item's batch was written.
   * @throws what `flush` threw for that batch; RangeError when too many wait already
   */
  add: (item: T) => Promise<void>
  /** Writes what waits, now. Resolves when it is done, well or not. */
  flush: () => Promise<void>
}

type Waiting<T> = { item: T; resolve: () => void; reject: (error: unknown) => void }

/**
 * Writes together what arrives while a batch is being written, and within `gatherMs` where nothing is: a flood costs one
 * statement per round trip instead of one per item, and a steady stream a few a second. Without `gatherMs` an item never
 * waits for company.
 */
export function createBatcher<T>(options: {
  flush: (items: T[]) => Promise<void>
  gatherMs?: number
  maxBatch: number
  /** More than this many waiting are refused: the memory is bounded while the database hangs. */
  maxWaiting: number
}): Batcher<T> {
  const waiting: Waiting<T>[] = []
  let timer: NodeJS.Timeout | null = null
  let flushing: Promise<void> | null = null

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, options.maxBatch)
      try {
        await options.flush(batch.map(({ item }) => item))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
  }

  function flush(): Promise<void> {
    if (timer) clearTimeout(timer)
    timer = null
    flushing ??= run().finally(() => (flushing = null))
    return flushing
  }

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        if (waiting.length >= options.maxWaiting) {
          return reject(new RangeError(`More than ${options.maxWaiting} items wait to be written`))
        }
        waiting.push({ item, resolve, reject })
        if (!options.gatherMs || waiting.length >= options.maxBatch) void flush()
        else if (!flushing) timer ??= setTimeout(() => void flush(), options.gatherMs)
      }),
    flush,
  }
}
