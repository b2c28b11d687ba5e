/**
 * What a route may see of a request. A web `Request` is one; so is what `node-door.ts` makes of Node's own, which costs
 * a fraction of making a `Request`.
 */
export type ApiRequest = Pick<Request, 'method' | 'url' | 'headers' | 'signal'> & {
  readonly body: AsyncIterable<Uint8Array> | null
}
