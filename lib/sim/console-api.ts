/** What a script does to a server beside syncing: with an admin's API key, over the console API. */
export interface ConsoleApi {
  /** Gives a table its policy unless it has one already: what an admin has set since stays. */
  ensureTable(name: string, policy: object): Promise<void>
  /** Gives a table this policy, as its newest version, whatever it has. */
  putTable(name: string, policy: object): Promise<void>
}

export function createConsoleApi({ baseUrl, apiKey }: { baseUrl: string; apiKey: string }): ConsoleApi {
  const call = (method: string, path: string, body?: object) =>
    fetch(`${baseUrl.replace(/\/+$/, '')}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(30_000),
    })
  return {
    async putTable(name, policy) {
      const made = await call('PUT', `/tables/${encodeURIComponent(name)}`, policy)
      if (!made.ok) throw new Error(`table ${name}: ${made.status} ${await made.text()}`)
    },

    async ensureTable(name, policy) {
      const path = `/tables/${encodeURIComponent(name)}`
      const known = await call('GET', path)
      if (known.ok) return
      const made = known.status === 404 ? await call('PUT', path, policy) : known
      if (!made.ok) throw new Error(`table ${name}: ${made.status} ${await made.text()}`)
    },
  }
}
