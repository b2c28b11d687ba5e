/** Everything random in a simulation comes from here: the same seed gives the same numbers (sfc32). */
export type Dice = {
  /** In [0, 1). */
  unit: () => number
  /** True this often, 0–1. */
  chance: (probability: number) => boolean
  /** A whole number, both ends included. */
  int: (from: number, to: number) => number
  /** In [from, to). */
  between: (from: number, to: number) => number
  pick: <T>(items: readonly T[]) => T
  /** One of the names, as often as its weight says. */
  weighted: <Name extends string>(weights: Readonly<Record<Name, number>>) => Name
  bytes: (length: number) => Uint8Array
  /** Dice of their own, so that what one part of the world rolls does not shift the rolls of another. */
  fork: (name: string) => Dice
}

export function createDice(seed: string): Dice {
  let [a, b, c, d] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 1]
  for (const char of seed) {
    a = Math.imul(a ^ char.charCodeAt(0), 0x85ebca6b)
    b = (b + Math.imul(a, 0xc2b2ae35)) | 0
  }
  const next = () => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + t
    return t >>> 0
  }
  for (let i = 0; i < 15; i++) next()
  const unit = () => next() / 2 ** 32
  const int = (from: number, to: number) => from + Math.floor(unit() * (to - from + 1))
  return {
    unit,
    int,
    chance: (probability) => unit() < probability,
    between: (from, to) => from + unit() * (to - from),
    pick: (items) => {
      if (items.length === 0) throw new RangeError('nothing to pick from')
      return items[int(0, items.length - 1)]!
    },
    weighted(weights) {
      const entries = Object.entries<number>(weights)
      let left = unit() * entries.reduce((total, [, weight]) => total + weight, 0)
      for (const [name, weight] of entries) {
        left -= weight
        if (left < 0) return name as keyof typeof weights
      }
      return entries.at(-1)![0] as keyof typeof weights
    },
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
    fork: (name) => createDice(`${seed}/${name}`),
  }
}
