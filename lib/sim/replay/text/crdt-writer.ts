import { applyUpdate, encodeStateAsUpdate } from 'yjs'
import { fromBase64, toBase64 } from '#lib/core/crdt/base64.ts'
import { isJsonObject } from '#lib/core/json.ts'
import type { Writer } from './replay-text.ts'
import type { TextServer } from './text-server.ts'
import { YjsText } from './yjs-text.ts'

type Snapshot = { update: Uint8Array; version: number }

/** A device that writes into a text field of a table of `crdt`: it edits its document and sends the whole state of it. */
export class CrdtWriter extends YjsText<Snapshot> implements Writer {
  readonly #server: TextServer
  readonly #deviceId: string
  #seq = 0
  #sentStep = -1
  #version = 0
  #sent: { opId: string; version: number } | null = null

  constructor(server: TextServer, deviceId: string, client: number) {
    super(client)
    this.#server = server
    this.#deviceId = deviceId
  }

  send(upto: number): void {
    if (upto <= this.#sentStep) return
    this.#sentStep = upto
    const state = this.due(upto).at(-1)
    if (!state) return
    const { update, version } = state
    const isUnseen = this.#sent !== null && this.#sent.version > version
    this.#sent = this.#server.push({
      ...{ deviceId: this.#deviceId, seq: ++this.#seq, baseVersion: version },
      ...{ baseOpId: isUnseen ? this.#sent!.opId : null },
      data: { text: { $crdt: 'text', update: toBase64(update) } },
    })
  }

  take(): void {
    const { versions } = this.#server
    if (versions.length === this.#version) return
    const state = versions.at(-1)?.data['text']
    const update = isJsonObject(state) && fromBase64(state['update'] as string)
    if (!update) throw new Error('the record holds no text')
    applyUpdate(this.doc, update)
    this.#version = versions.length
  }

  protected snapshot(): Snapshot {
    return { update: encodeStateAsUpdate(this.doc), version: this.#version }
  }
}
