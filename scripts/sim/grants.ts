/**
 * What each device may have been granted while a request of it was under way. A person's change of scopes takes effect
 * somewhere between its begin and its end; one whose answer never came may have, or not.
 */
export class Grants {
  /** Every scope that the server may think is granted. */
  readonly #possible = new Map<string, Set<string>>()
  readonly #underWay = new Map<string, Set<Set<string>>>()

  /** A request of the device begins. @returns the scopes that may be told in its answer; grows until `ended` */
  began(deviceId: string): { granted: ReadonlySet<string>; ended: () => void } {
    const granted = new Set(this.#of(deviceId))
    const requests = this.#underWay.get(deviceId) ?? new Set()
    this.#underWay.set(deviceId, requests.add(granted))
    return { granted, ended: () => void requests.delete(granted) }
  }

  /** A state from before is in the place of the server's, and no request under way: what it grants is granted, alone. */
  restored(deviceId: string, scopes: readonly string[]): void {
    this.change(deviceId, scopes)(true)
  }

  /** Somebody sets the scopes of a device. @returns to be called with whether it is known to have been done */
  change(deviceId: string, scopes: readonly string[]): (isDone: boolean) => void {
    const possible = this.#of(deviceId)
    for (const scope of scopes) {
      possible.add(scope)
      for (const granted of this.#underWay.get(deviceId) ?? []) granted.add(scope)
    }
    return (isDone) => {
      if (!isDone) return
      possible.clear()
      for (const scope of scopes) possible.add(scope)
    }
  }

  #of(deviceId: string): Set<string> {
    const known = this.#possible.get(deviceId) ?? new Set()
    this.#possible.set(deviceId, known)
    return known
  }
}
