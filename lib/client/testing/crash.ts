import { createMemoryStore, type Device, type MemoryStore, type Storage } from '../index.ts'
import { createBench, type Bench, type BenchDeviceOptions } from './bench.ts'

/** The process ended here: nothing of the write was kept, and nothing comes after it. */
class Crash extends Error {
  override readonly name = 'Crash'
}

/** A store whose device dies at the write of this number, counted from 1, before it is made. */
function fragile(store: Storage, deadlyWrite: number) {
  let writes = 0
  const alive = () => {
    if (writes >= deadlyWrite) throw new Crash()
  }
  return {
    hasCrashed: () => writes >= deadlyWrite,
    storage: {
      async get(collection, keys) {
        alive()
        return store.get(collection, keys)
      },
      async scan(collection, scan) {
        alive()
        return store.scan(collection, scan)
      },
      async write(all) {
        writes += 1
        alive()
        return store.write(all)
      },
      sizeBytes: () => store.sizeBytes(),
    } satisfies Storage,
  }
}

export interface Story {
  /** Brings the bench to where it gets dangerous. @returns the store of the device that will crash */
  prepare(bench: Bench): Promise<MemoryStore>
  /** What the device does; it may die at every write of it. */
  act(device: Device, bench: Bench): Promise<void>
  /** What has to be true in the end, once the device was opened again and has synced. */
  check(bench: Bench, device: Device, store: MemoryStore): Promise<void>
  readonly options?: BenchDeviceOptions
}

/**
 * Plays a story once for every write in its dangerous part, with a crash in place of that write: a
 * store shows the state before a write or after it, so these are all the states a crash can leave.
 * @returns how many there are
 */
export async function crashAtEveryWrite(story: Story): Promise<number> {
  for (let deadlyWrite = 1; ; deadlyWrite++) {
    const bench = createBench()
    const store = await story.prepare(bench)
    const { storage, hasCrashed } = fragile(store, deadlyWrite)
    try {
      const through = () => storage
      const { device } = await bench.device({ ...story.options, store, through, seed: 1000 })
      await story.act(device, bench)
    } catch (error) {
      if (!(error instanceof Crash)) throw error
    }
    bench.server.faults.length = 0
    const left = createMemoryStore(store.image())
    const { device } = await bench.device({ ...story.options, store: left, seed: 2000 + deadlyWrite })
    bench.clock.ms += 600_000
    await device.sync()
    await story.check(bench, device, left)
    if (!hasCrashed()) return deadlyWrite - 1
  }
}
