import type { ID } from 'yjs'
import { sameId, type Run } from './text-run.ts'

/** A run that no other run begins or ends within, in its place in the text. */
type Node = Omit<Run, 'content'> & { next: Node | null; placed: boolean }

/**
 * Steps that finding the places of concurrent runs may take, altogether. Two people who typed 26,000 edits at once need
 * some thousand; made up to hurt, 140 kB of update keep Yjs busy for a minute.
 */
const maxSteps = 500_000

/** Puts every run where Yjs would, to see that it can be done, and in how many steps. @returns why it cannot */
export function placeRuns(runs: readonly Run[]): string | null {
  const byClient = split(runs)
  const find = ({ client, clock }: ID): Node | undefined => nodeAt(byClient.get(client) ?? [], clock)
  const list: { first: Node | null; steps: number } = { first: null, steps: 0 }
  const pointers = new Map<number, number>()

  // A run waits for its neighbours; who waits for one that waits for it has made the history up.
  const waiting: number[] = []
  const isWaiting = new Set<number>()
  const wait = (client: number) => {
    waiting.push(client)
    isWaiting.add(client)
  }
  const go = () => isWaiting.delete(waiting.pop()!)
  for (const client of [...byClient.keys()].sort((a, b) => b - a)) {
    wait(client)
    while (waiting.length > 0) {
      const current = waiting.at(-1)!
      const node = byClient.get(current)?.[pointers.get(current) ?? 0]
      if (node === undefined) {
        go()
        continue
      }
      const [origin, right] = [node.origin && find(node.origin), node.right && find(node.right)]
      if (origin === undefined || right === undefined) return 'builds on history that it does not hold'
      const missing = [origin, right].find((neighbour) => neighbour && !neighbour.placed)
      if (missing) {
        if (isWaiting.has(missing.client)) return 'builds on itself'
        wait(missing.client)
        continue
      }
      place(list, node, origin, right, find)
      if (list.steps > maxSteps) return 'would take too long to read: too many edits claim the same place'
      pointers.set(current, (pointers.get(current) ?? 0) + 1)
      if (waiting.length > 1) go()
    }
  }
  return null
}

/** Where `Item.integrate` of Yjs puts a run, step by step as it does it. */
function place(
  list: { first: Node | null; steps: number },
  node: Node,
  origin: Node | null,
  right: Node | null,
  find: (id: ID) => Node | undefined,
): void {
  const first = origin ? origin.next : list.first
  link(list, node, first === right ? origin : leftNeighbour(list, node, { first, origin, right }, find))
}

function leftNeighbour(
  list: { steps: number },
  node: Node,
  { first, origin, right }: { first: Node | null; origin: Node | null; right: Node | null },
  find: (id: ID) => Node | undefined,
): Node | null {
  let left = origin
  const conflicting = new Set<Node>()
  const passed = new Set<Node>()
  for (let other = first; other !== null && other !== right; other = other.next) {
    list.steps++
    passed.add(other)
    conflicting.add(other)
    const otherOrigin = other.origin && find(other.origin)
    if (sameId(node.origin, other.origin)) {
      if (other.client < node.client) {
        left = other
        conflicting.clear()
      } else if (sameId(node.right, other.right)) break
    } else if (otherOrigin && passed.has(otherOrigin)) {
      if (!conflicting.has(otherOrigin)) {
        left = other
        conflicting.clear()
      }
    } else break
    if (list.steps > maxSteps) break
  }
  return left
}

function link(list: { first: Node | null }, node: Node, left: Node | null): void {
  node.next = left ? left.next : list.first
  if (left) left.next = node
  else list.first = node
  node.placed = true
}

/** Splits runs where another one was written into them. */
function split(runs: readonly Run[]): Map<number, Node[]> {
  const cuts = new Map<number, Set<number>>()
  const cut = (client: number, clock: number) => {
    const known = cuts.get(client)
    if (known) known.add(clock)
    else cuts.set(client, new Set([clock]))
  }
  for (const { origin, right } of runs) {
    if (origin) cut(origin.client, origin.clock + 1)
    if (right) cut(right.client, right.clock)
  }
  const sorted = new Map([...cuts].map(([client, clocks]) => [client, [...clocks].sort((a, b) => a - b)]))
  const nodes = new Map<number, Node[]>()
  for (const run of runs.toSorted((a, b) => a.clock - b.clock)) {
    const own = nodes.get(run.client) ?? []
    nodes.set(run.client, own)
    const clocks = sorted.get(run.client) ?? []
    const end = run.clock + run.length
    let from = run.clock
    for (let at = firstAbove(clocks, from); at <= clocks.length; at++) {
      const to = Math.min(clocks[at] ?? end, end)
      const origin = from === run.clock ? run.origin : { client: run.client, clock: from - 1 }
      own.push({ ...run, clock: from, length: to - from, origin, next: null, placed: false })
      if (to === end) break
      from = to
    }
  }
  return nodes
}

function firstAbove(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}

function nodeAt(nodes: readonly Node[], clock: number): Node | undefined {
  let [low, high] = [0, nodes.length - 1]
  while (low <= high) {
    const middle = (low + high) >> 1
    const node = nodes[middle]!
    if (clock < node.clock) high = middle - 1
    else if (clock >= node.clock + node.length) low = middle + 1
    else return node
  }
  return undefined
}
