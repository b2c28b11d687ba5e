import type { Splice, Trace } from './trace.ts'

/** A writer's copy of the text. */
export type Writer = {
  /** @param isSeen the other writer will see it with this step and without what comes after it */
  edit(step: number, splices: readonly Splice[], isSeen: boolean): void
  /** Sends what was written up to a step, which is the newest or one that is seen. */
  send(upto: number): void
  /** Takes everything that was sent. */
  take(): void
  text(): string
}

/**
 * Two writers do what they once did, and each sees of the other's work what it saw then, and no more. Each sends as much
 * as the other is to see when it next looks, and as early as that can be: so what they write meets on the server, and
 * they go on before they have seen how it met. At the end both have everything.
 */
export function replayText({ steps }: Trace, writers: readonly [Writer, Writer]): void {
  const newest: [number, number] = [-1, -1]
  const looks = [0, 1].map((agent) =>
    steps.flatMap(({ sees, agent: of }, index) => (of === agent && sees !== null ? [{ index, sees }] : [])),
  )
  for (const [index, { agent, splices, sees, isSeen }] of steps.entries()) {
    const other = agent === 0 ? 1 : 0
    if (sees !== null) {
      looks[agent]!.shift()
      const next = looks[other]![0]?.sees ?? Infinity
      writers[agent].send(Math.min(next, newest[agent]))
      writers[other].send(sees)
      writers[agent].take()
    }
    writers[agent].edit(index, splices, isSeen)
    newest[agent] = index
  }
  for (const agent of [0, 1] as const) writers[agent].send(newest[agent])
  for (const writer of writers) writer.take()
}
