import { compareHlc, parseHlc } from '../hlc.ts'
import { jsonEqual, type Json } from '../json.ts'
import { elementKey } from './element.ts'
import { memberFault, type CrdtType } from './type.ts'

/** One value and when it was set; the later one stays. The clocks are hybrid logical clocks, which name their node. */
export type LwwRegister = { $crdt: 'lww-register'; value: Json; hlc: string }

export const lwwRegister: CrdtType<LwwRegister> = {
  fault(value) {
    const { hlc } = value
    const isStamp = typeof hlc === 'string' && parseHlc(hlc) !== null
    return (
      memberFault(value, ['value', 'hlc']) ??
      (isStamp ? null : { pointer: '/hlc', detail: 'must be a stamp of 12-4-16 hex digits' })
    )
  },
  normal: (register) => register,
  merge: (a, b) => (isLater(a, b) ? a : b),
  value: ({ value }) => value,
  overreach({ before, after, known }) {
    if (before && compareHlc(after.hlc, before.hlc) < 0) {
      return { pointer: '/hlc', detail: `sets the clock back from ${before.hlc}` }
    }
    const twin = [before, known].find((other) => other?.hlc === after.hlc)
    return twin && !jsonEqual(twin.value, after.value)
      ? { pointer: '/hlc', detail: 'is the stamp of another value: a new value needs a new stamp' }
      : null
  },
}

/** The register with another value. @param hlc a stamp after the register's own */
export function setLwwRegister(value: Json, hlc: string): LwwRegister {
  return { $crdt: 'lww-register', value, hlc }
}

/** Total: of equal stamps, which only a forger makes, the greater value in canonical JSON counts. */
function isLater(a: LwwRegister, b: LwwRegister): boolean {
  const order = compareHlc(a.hlc, b.hlc)
  return order !== 0 ? order > 0 : elementKey(a.value) > elementKey(b.value)
}
