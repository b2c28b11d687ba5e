export type Batcher<T> = {
  /**
   * Resolves when the item's batch was written.
   * @throws what `flush` threw for that batch; RangeError when too many wait already
   */
  add: (item: T) => Promise<void>
}

type Waiting<T> = { item: T; resolve: () => void; reject: (error: unknown) => void }

/**
 * Writes at once while nothing is under way; what arrives meanwhile is written together next. So one item never
 * waits for company, and a flood costs one statement per round trip instead of one per item.
 */
export function createBatcher<T>(options: {
  flush: (items: T[]) => Promise<void>
  maxBatch: number
  /** More than this many waiting are refused: the memory is bounded while the database hangs. */
  maxWaiting: number
}): Batcher<T> {
  const waiting: Waiting<T>[] = []
  let isFlushing = false

  async function run(): Promise<void> {
    isFlushing = true
    while (waiting.length > 0) {
      const batch = waiting.splice(0, options.maxBatch)
      try {
        await options.flush(batch.map(({ item }) => item))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    isFlushing = false
  }

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        if (waiting.length >= options.maxWaiting) {
          return reject(new RangeError(`More than ${options.maxWaiting} items wait to be written`))
        }
        waiting.push({ item, resolve, reject })
        if (!isFlushing) void run()
      }),
  }
}
