/** Version vector: device id → the highest seq of that device that the state includes. */
export type Vector = { [deviceId: string]: number }

export type VectorOrder = 'equal' | 'before' | 'after' | 'concurrent'

/** How `a` stands to `b`. A missing device counts as 0. */
export function compareVectors(a: Vector, b: Vector): VectorOrder {
  let less = false
  let more = false
  for (const device of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const left = a[device] ?? 0
    const right = b[device] ?? 0
    if (left < right) less = true
    if (left > right) more = true
  }
  if (less && more) return 'concurrent'
  return less ? 'before' : more ? 'after' : 'equal'
}

/** The least vector that includes both. */
export function joinVectors(a: Vector, b: Vector): Vector {
  const joined: Vector = { ...a }
  for (const [device, seq] of Object.entries(b)) joined[device] = Math.max(joined[device] ?? 0, seq)
  return joined
}
