import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import protobuf from 'protobufjs'

/**
 * Messages of OTLP by the names and numbers of the OpenTelemetry protocol, as far as a test looks at them. Fields that
 * are not named here are skipped, as protobuf has it.
 * @see https://github.com/open-telemetry/opentelemetry-proto
 */
const { root } = protobuf.parse(`
  syntax = "proto3";
  package opentelemetry.proto;
  message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
  message Scope { string name = 1; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; int32 kind = 6;
    fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; Status status = 15;
  }
  message Status { string message = 2; int32 code = 3; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue {
    oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; ArrayValue array_value = 5; }
  }
  message ArrayValue { repeated AnyValue values = 1; }
`)
const exportRequest = root.lookupType('opentelemetry.proto.ExportTraceServiceRequest')

type AnyValue = {
  stringValue?: string
  boolValue?: boolean
  intValue?: string
  doubleValue?: number
  arrayValue?: { values?: AnyValue[] }
}
type KeyValue = { key: string; value: AnyValue }
type Sent = {
  resourceSpans: {
    resource: { attributes: KeyValue[] }
    scopeSpans: {
      scope: { name: string }
      spans: {
        traceId: string
        spanId: string
        parentSpanId?: string
        name: string
        kind: number
        startTimeUnixNano: string
        endTimeUnixNano: string
        attributes?: KeyValue[]
        status?: { code?: number }
      }[]
    }[]
  }[]
}

export type ReceivedSpan = {
  traceId: string
  spanId: string
  /** "" for a root */
  parentSpanId: string
  name: string
  startNanos: bigint
  endNanos: bigint
  attributes: Record<string, unknown>
  failed: boolean
  service: unknown
}

/** An OpenTelemetry collector for tests: takes OTLP over HTTP in protobuf on loopback and remembers the spans. */
export async function startOtlpReceiver() {
  const spans: ReceivedSpan[] = []
  const requests: { path: string; type: string | undefined }[] = []
  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request)
    requests.push({ path: request.url ?? '', type: request.headers['content-type'] })
    spans.push(...decode(body))
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  }
  const server = createServer((request, response) => {
    void take(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    requests,
    stop: () => new Promise<void>((resolve) => server.close(() => resolve()).closeAllConnections()),
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const body = Buffer.concat(parts)
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
}

function decode(body: Buffer): ReceivedSpan[] {
  const message = exportRequest.toObject(exportRequest.decode(body), {
    bytes: String,
    longs: String,
    defaults: false,
  }) as Sent
  return message.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap((scope) =>
      scope.spans.map((span) => ({
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentSpanId: hex(span.parentSpanId ?? ''),
        name: span.name,
        startNanos: BigInt(span.startTimeUnixNano),
        endNanos: BigInt(span.endTimeUnixNano),
        attributes: attributesOf(span.attributes ?? []),
        failed: span.status?.code === 2,
        service: attributesOf(resource.attributes)['service.name'],
      })),
    ),
  )
}

const hex = (base64: string) => Buffer.from(base64, 'base64').toString('hex')
const attributesOf = (list: KeyValue[]) =>
  Object.fromEntries(list.map(({ key, value }) => [key, plain(value)]))

function plain(value: AnyValue): unknown {
  if (value.arrayValue) return (value.arrayValue.values ?? []).map(plain)
  if (value.intValue !== undefined) return Number(value.intValue)
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? null
}
