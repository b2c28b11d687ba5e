import { createHash } from 'node:crypto'
import type { Random } from '#lib/client/index.ts'

/**
 * A seeded source of chance (xoshiro128**). Everything in a fleet draws from sources split off one
 * seed by name, so that one device's choices do not depend on what the others do.
 * @see https://prng.di.unimi.it/
 */
export class Chance implements Random {
  private readonly name: string
  private readonly state: Uint32Array

  constructor(name: string) {
    this.name = name
    const digest = createHash('sha256').update(name).digest()
    this.state = Uint32Array.from({ length: 4 }, (_, index) => digest.readUInt32LE(index * 4))
  }

  /** An independent source; the same name gives the same one. */
  split(name: string): Chance {
    return new Chance(`${this.name}/${name}`)
  }

  /** Uniform in [0, 1). */
  unit(): number {
    return this.next() / 2 ** 32
  }

  /** True with this probability. */
  happens(probability: number): boolean {
    return this.unit() < probability
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.unit() * below)
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.unit() * (to - from)
  }

  /** Times between events that happen this far apart on average (exponential), at most eight times that. */
  interval(meanMs: number): number {
    return Math.min(8 * meanMs, -Math.log(1 - this.unit()) * meanMs)
  }

  /** @throws RangeError if there is nothing to choose from */
  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.next() & 0xff)
  }

  private next(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.state
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9)
    const e = c ^ a
    const f = d ^ b
    this.state.set([a ^ f, b ^ e, e ^ (b << 9), rotate(f, 11)])
    return result >>> 0
  }
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}
