import { ModelError } from './model-error.ts'

/** Whoever holds locks until its end. */
export type Holder = { readonly id: number }

type Waiter = { holder: Holder; resolve: () => void; reject: (error: Error) => void }
type Lock = { owner: Holder; queue: Waiter[] }

/** Row locks, as a transaction takes them: granted in the order of asking, held until its end. */
export class Locks {
  readonly #locks = new Map<string, Lock>()
  /** The lock each holder waits for. */
  readonly #waiting = new Map<Holder, string>()
  /** How often somebody had to wait, and how often waiting would never have ended. */
  readonly counts = { waits: 0, deadlocks: 0 }

  /** @returns null where it is granted at once. The promise rejects with a deadlock (40P01). */
  acquire(name: string, holder: Holder): Promise<void> | null {
    const lock = this.#locks.get(name)
    if (!lock) {
      this.#locks.set(name, { owner: holder, queue: [] })
      return null
    }
    if (lock.owner === holder) return null
    if (this.#wouldDeadlock(lock, holder)) {
      this.counts.deadlocks++
      throw new ModelError('40P01', 'deadlock detected')
    }
    this.counts.waits++
    this.#waiting.set(holder, name)
    return new Promise((resolve, reject) => lock.queue.push({ holder, resolve, reject }))
  }

  /** Ends the holder's hold on everything, and its waiting. */
  release(holder: Holder): void {
    this.#waiting.delete(holder)
    for (const [name, lock] of this.#locks) {
      const at = lock.queue.findIndex((waiter) => waiter.holder === holder)
      if (at >= 0) lock.queue.splice(at, 1)[0]!.reject(new ModelError('57P01', 'terminating connection'))
      if (lock.owner !== holder) continue
      const next = lock.queue.shift()
      if (!next) {
        this.#locks.delete(name)
        continue
      }
      lock.owner = next.holder
      this.#waiting.delete(next.holder)
      next.resolve()
    }
  }

  /** Follows who waits for whom, behind the owner and everybody who is before us in the queue. */
  #wouldDeadlock(lock: Lock, holder: Holder): boolean {
    const seen = new Set<Holder>()
    const ahead = [lock.owner, ...lock.queue.map((waiter) => waiter.holder)]
    for (let next = ahead.pop(); next; next = ahead.pop()) {
      if (next === holder) return true
      if (seen.has(next)) continue
      seen.add(next)
      const waitsFor = this.#waiting.get(next)
      const beyond = waitsFor === undefined ? undefined : this.#locks.get(waitsFor)
      if (beyond) ahead.push(beyond.owner)
    }
    return false
  }
}
