import { TransportError, type TransportReply } from '../ports.ts'

/** What a test makes happen to one request. */
export type Fault =
  /** Nothing: the fault queued behind it is meant for a later request. */
  | 'none'
  /** The request never arrives. */
  | 'lose_request'
  /** The server acts on it; the answer never arrives. */
  | 'lose_reply'
  /** The request arrives twice. */
  | 'duplicate'
  /** The answer breaks off in the middle. */
  | 'truncate'
  /** One row of the answer has another content than its checksum says. */
  | 'corrupt_row'
  /** The answer leaves out what it says about the last operation. */
  | 'forget_one'
  /** No answer, ever. */
  | 'hang'
  | { status: number; code?: string; retryAfterMs?: number; header?: string }

/** One request, with what the fault makes of it. `handle` is what the server does with it. */
export async function withFault(
  fault: Fault | undefined,
  handle: () => TransportReply,
): Promise<TransportReply> {
  if (fault === undefined) return handle()
  if (typeof fault === 'object') return refusal(fault)
  switch (fault) {
    case 'none':
      return handle()
    case 'lose_request':
      throw new TransportError('network', 'lost on the way there')
    case 'lose_reply':
      handle()
      throw new TransportError('network', 'lost on the way back')
    case 'hang':
      return new Promise(() => undefined)
    case 'duplicate':
      handle()
      return handle()
    case 'truncate':
      return mangled(handle(), (text) => text.slice(0, text.length / 2))
    case 'corrupt_row':
      return mangled(handle(), corruptRow)
    case 'forget_one':
      return mangled(handle(), forgetOne)
  }
}

function mangled(reply: TransportReply, mangle: (text: string) => string): TransportReply {
  return { ...reply, body: mangle(reply.body) }
}

export function ok(body: object): TransportReply {
  return { status: 200, headers: {}, body: JSON.stringify(body) }
}

export function refusal(fault: {
  status: number
  code?: string
  retryAfterMs?: number
  header?: string
  expected_seq?: number
}): TransportReply {
  const { status, code, retryAfterMs, header, expected_seq } = fault
  const problem = { code, detail: code, retry_after_ms: retryAfterMs, expected_seq }
  return {
    status,
    headers: header === undefined ? {} : { 'retry-after': header },
    body: code === undefined ? '<html>Bad gateway</html>' : JSON.stringify(problem),
  }
}

function corruptRow(text: string): string {
  const body = JSON.parse(text)
  const row = (body.server_changes ?? body.items)?.[0]
  if (row) row.data = { ...row.data, mangled: true }
  return JSON.stringify(body)
}

function forgetOne(text: string): string {
  const body = JSON.parse(text)
  body.accepted?.pop()
  return JSON.stringify(body)
}
