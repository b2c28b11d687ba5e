import {
  applyTextOps,
  composeTextOps,
  transformOwn,
  transformTheirs,
  type TextOps,
} from '#lib/core/text/delta.ts'
import type { Writer } from './replay-text.ts'
import type { TextServer } from './text-server.ts'
import type { Splice } from './trace.ts'

/** A device that writes into a text field of a table of `ot`: what it has not sent yet, or not seen back, moves over what others wrote. */
export class OtWriter implements Writer {
  readonly #server: TextServer
  readonly #deviceId: string
  #seq = 0
  /** The version it has taken, and its text. */
  #version = 0
  #taken = ''
  #text = ''
  /** From `taken` to `text`: what was sent, and then what was not. */
  #sent: { opId: string; ops: TextOps }[] = []
  #unsent: { step: number; ops: TextOps }[] = []

  constructor(server: TextServer, deviceId: string) {
    this.#server = server
    this.#deviceId = deviceId
  }

  text(): string {
    return this.#text
  }

  edit(step: number, splices: readonly Splice[]): void {
    for (const { at, remove, insert } of splices) {
      const ops: TextOps = [
        ...(at > 0 ? [{ retain: at }] : []),
        ...(insert === '' ? [] : [{ insert }]),
        ...(remove > 0 ? [{ delete: remove }] : []),
      ]
      this.#unsent.push({ step, ops })
      this.#text = applied(this.#text, ops)
    }
  }

  send(upto: number): void {
    const due = this.#unsent.filter(({ step }) => step <= upto)
    if (due.length === 0) return
    const ops = due.reduce<TextOps>((all, { ops }) => composeTextOps(all, ops), [])
    const text = [...this.#sent, { ops }].reduce((text, { ops }) => applied(text, ops), this.#taken)
    const { opId } = this.#server.push({
      ...{ deviceId: this.#deviceId, seq: ++this.#seq, data: { text } },
      ...{ baseVersion: this.#version, baseOpId: this.#sent.at(-1)?.opId ?? null },
      textEdits: { text: ops },
    })
    this.#sent.push({ opId, ops })
    this.#unsent = this.#unsent.filter(({ step }) => step > upto)
  }

  take(): void {
    for (const { opId, textEdits } of this.#server.versions.slice(this.#version)) {
      let theirs = textEdits?.['text'] ?? []
      this.#taken = applied(this.#taken, theirs)
      this.#version++
      // What came before it and left no version was done by others already: it does nothing by now.
      const own = this.#sent.findIndex((sent) => sent.opId === opId)
      if (own >= 0) {
        this.#sent.splice(0, own + 1)
        continue
      }
      for (const own of [...this.#sent, ...this.#unsent]) {
        const before = own.ops
        own.ops = transformOwn(before, theirs)
        theirs = transformTheirs(theirs, before)
      }
      this.#text = applied(this.#text, theirs)
    }
    this.#sent = []
  }
}

function applied(text: string, ops: TextOps): string {
  const next = applyTextOps(text, ops)
  if (next === null) throw new Error('an edit does not fit its text')
  return next
}
