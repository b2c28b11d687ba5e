import { applyUpdate, encodeStateAsUpdate, encodeStateVector } from 'yjs'
import type { Writer } from './replay-text.ts'
import { YjsText } from './yjs-text.ts'

/** A Yjs document whose steps the other takes as they are, without a server: what the others are measured against. */
export class YjsWriter extends YjsText<Uint8Array> implements Writer {
  /** Everybody's steps, in the order they were sent. */
  readonly #all: Uint8Array[]
  #taken = 0
  #sentStep = -1
  #told: Uint8Array | undefined

  constructor(all: Uint8Array[], client: number) {
    super(client)
    this.#all = all
  }

  send(upto: number): void {
    if (upto <= this.#sentStep) return
    this.#sentStep = upto
    this.#all.push(...this.due(upto))
  }

  take(): void {
    for (; this.#taken < this.#all.length; this.#taken++) applyUpdate(this.doc, this.#all[this.#taken]!)
  }

  /** What was written since the last one. */
  protected snapshot(): Uint8Array {
    const update = encodeStateAsUpdate(this.doc, this.#told)
    this.#told = encodeStateVector(this.doc)
    return update
  }
}
