import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { Ask } from '#lib/server/verification/store.ts'
import { takeDataDir } from '../start/data-dir.ts'
import { startEmbedded } from '../start/embedded.ts'
import { ensureSecrets } from '../start/secrets.ts'
import { readSettings } from '../start/settings.ts'

export type OpenData = {
  /** Signs tokens and checkpoints. */
  secret: string
  /** A connection of one's own, as the owner of the database. */
  connect: () => Promise<Ask>
  close: () => Promise<void>
}

/**
 * The data that `npm start` works on: of DATABASE_URL, else of the embedded database, which is started for as long as it
 * is needed where no server runs.
 * @throws Error that says what is missing
 */
export async function openData(variables: NodeJS.ProcessEnv): Promise<OpenData> {
  const { databaseUrl, dataDir, secrets } = readSettings(variables, 'production')
  const clients: pg.Client[] = []
  const server = databaseUrl ? { url: databaseUrl, stop: async () => undefined } : await openEmbedded(dataDir)
  const secret = secrets.token ?? (await storedSecret(dataDir))
  return {
    secret,
    connect: async () => {
      const client = new pg.Client({ connectionString: server.url, application_name: 'holdfast-verify' })
      client.on('error', () => undefined)
      await client.connect()
      clients.push(client)
      return async (sql, values) => (await client.query(sql, values)).rows
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.end()))
      await server.stop()
    },
  }
}

async function openEmbedded(dataDir: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const isThere = await access(join(dataDir, 'postgres', 'PG_VERSION')).then(
    () => true,
    () => false,
  )
  if (!isThere) throw new Error(`There is no database in ${dataDir}. Set HOLDFAST_DATA_DIR or DATABASE_URL.`)
  const secrets = await ensureSecrets(dataDir)
  const release = await takeDataDir(dataDir, { url: 'a tool of the command line' }).catch(() => null)
  if (release) {
    const { url, stop } = await startEmbedded(dataDir, secrets)
    return { url, stop: () => stop().finally(release) }
  }
  // A server has it: its database answers.
  const password = encodeURIComponent(secrets.postgresPassword)
  return {
    url: `postgresql://holdfast:${password}@127.0.0.1:${secrets.postgresPort}/holdfast`,
    stop: async () => undefined,
  }
}

async function storedSecret(dataDir: string): Promise<string> {
  const content = await readFile(join(dataDir, 'secrets.json'), 'utf8').catch(() => null)
  const { token } = JSON.parse(content ?? '{}') as { token?: string }
  if (!token)
    throw new Error('Set HOLDFAST_TOKEN_SECRET to the secret of the servers: it signs the checkpoints.')
  return token
}
