/** Runs work of one name one after the other. */
export type Turns = <T>(name: string, work: () => Promise<T>) => Promise<T>

export function takeTurns(): Turns {
  const waiting = new Map<string, Promise<unknown>>()
  return (name, work) => {
    const turn = (waiting.get(name) ?? Promise.resolve()).then(work, work)
    const settled = turn.catch(() => {})
    waiting.set(name, settled)
    void settled.then(() => waiting.get(name) === settled && waiting.delete(name))
    return turn
  }
}
