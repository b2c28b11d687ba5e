import pg from 'pg'

/** Connects and leaves again. @throws what PostgreSQL says, `code` 3D000 if the database does not exist */
export async function canConnect(url: string): Promise<void> {
  await withClient(url, () => Promise.resolve())
}

/** Creates the database that `url` names, from `template` if given. @returns false if it exists already */
export async function createDatabase(url: string, template?: string): Promise<boolean> {
  const from = template ? ` TEMPLATE ${pg.escapeIdentifier(template)}` : ''
  try {
    await onServer(url, (name) => `CREATE DATABASE ${name}${from}`)
    return true
  } catch (error) {
    // Whoever makes one of the same name at the same moment is told by the catalogue's index.
    if (error instanceof pg.DatabaseError && /^(42P04|23505)$/.test(error.code ?? '')) return false
    throw error
  }
}

/** Drops the database that `url` names, and whoever is connected to it. */
export async function dropDatabase(url: string): Promise<void> {
  await onServer(url, (name) => `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
}

/**
 * Creates the database that `url` names if it is not there. A user who may not look beyond their own
 * database needs nothing more than that it exists.
 */
export async function ensureDatabase(url: string): Promise<boolean> {
  try {
    await canConnect(url)
    return false
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === '3D000') return createDatabase(url)
    throw error
  }
}

async function onServer(url: string, statement: (name: string) => string): Promise<void> {
  const server = new URL(url)
  const name = decodeURIComponent(server.pathname.slice(1))
  server.pathname = '/postgres'
  await withClient(server.href, (client) => client.query(statement(pg.escapeIdentifier(name))))
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await use(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}
