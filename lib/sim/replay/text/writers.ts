import { CrdtWriter } from './crdt-writer.ts'
import { OtWriter } from './ot-writer.ts'
import type { Writer } from './replay-text.ts'
import { idOf, TextServer } from './text-server.ts'
import { YjsWriter } from './yjs-writer.ts'

export const ways = ['ot', 'crdt', 'yjs'] as const
export type Way = (typeof ways)[number]

/** Two writers of one text: through the server as a field of `ot` or `crdt`, or Yjs alone. */
export function twoWriters(way: Way): { writers: [Writer, Writer]; server: TextServer | null } {
  const [a, b] = [idOf('device a'), idOf('device b')]
  switch (way) {
    case 'ot': {
      const server = new TextServer('ot')
      return { writers: [new OtWriter(server, a), new OtWriter(server, b)], server }
    }
    case 'crdt': {
      const server = new TextServer('crdt')
      return { writers: [new CrdtWriter(server, a, 1), new CrdtWriter(server, b, 2)], server }
    }
    case 'yjs': {
      const sent: Uint8Array[] = []
      return { writers: [new YjsWriter(sent, 1), new YjsWriter(sent, 2)], server: null }
    }
  }
}
