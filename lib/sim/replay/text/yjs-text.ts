import { Doc } from 'yjs'
import type { Splice } from './trace.ts'

/** A Yjs document that is edited, and what it was when the other writer saw it. */
export abstract class YjsText<Seen> {
  readonly doc: Doc
  #newest = -1
  readonly #seen = new Map<number, Seen>()

  constructor(client: number) {
    this.doc = new Doc()
    this.doc.clientID = client
  }

  edit(step: number, splices: readonly Splice[], isSeen: boolean): void {
    const text = this.doc.getText('text')
    this.doc.transact(() => {
      for (const { at, remove, insert } of splices) {
        if (remove > 0) text.delete(at, remove)
        if (insert !== '') text.insert(at, insert)
      }
    })
    this.#newest = step
    if (isSeen) this.#seen.set(step, this.snapshot())
  }

  text(): string {
    return this.doc.getText('text').toJSON()
  }

  /** The document as it is, to be sent now or later. */
  protected abstract snapshot(): Seen

  /** What was not sent yet of what it was up to a step, oldest first; the last is as of that step. */
  protected due(upto: number): Seen[] {
    if (upto === this.#newest && !this.#seen.has(upto)) this.#seen.set(upto, this.snapshot())
    const steps = [...this.#seen.keys()].filter((step) => step <= upto)
    const due = steps.map((step) => this.#seen.get(step)!)
    for (const step of steps) this.#seen.delete(step)
    return due
  }
}
