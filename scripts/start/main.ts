import { once } from 'node:events'
import { join } from 'node:path'
import { ensureDatabase } from '../postgres/database.ts'
import { generateClient } from '../prisma/generate.ts'
import { applyMigrations } from '../prisma/migrations.ts'
import { ensureBuild } from './build.ts'
import { takeDataDir } from './data-dir.ts'
import { startEmbedded } from './embedded.ts'
import { startFleet } from './fleet.ts'
import { step, say, dim } from './progress.ts'
import { ensureSecrets, type Secrets } from './secrets.ts'
import { claimPort, startServer } from './server.ts'
import { readSettings, type Settings } from './settings.ts'
import { welcome } from './welcome.ts'

/** What has been started, newest last; stopped in the opposite order. */
const running: { name: string; stop: () => Promise<void> | void }[] = []
const stopRequest = new AbortController()

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopRequest.abort())
// Under another Node (bootstrap.mjs) or a test, the channel closes when whoever started us is gone.
process.on('disconnect', () => stopRequest.abort())
process.channel?.unref()

try {
  await start()
  if (!stopRequest.signal.aborted) await once(stopRequest.signal, 'abort')
} catch (error) {
  if (!stopRequest.signal.aborted) {
    console.error(`\n  ${indent(error instanceof Error ? error.message : String(error))}\n`)
    process.exitCode = 1
  }
}
if (running.length > 1) say(dim('Stopping …'))
for (const { stop } of running.toReversed()) await stop()
process.exit()

async function start(): Promise<void> {
  const settings = readSettings(process.env, process.argv.includes('--dev') ? 'development' : 'production')
  const { dataDir, origin } = settings
  console.log()
  const release = await takeDataDir(dataDir, { url: origin })
  running.push({ name: 'data directory', stop: release })
  await claimPort(settings)
  const secrets = await ensureSecrets(dataDir)

  let databaseUrl = ''
  await stepUnlessStopped('Database', async () => {
    const { url, about } = await startDatabase(settings, secrets)
    databaseUrl = url
    return about
  })
  await stepUnlessStopped('Client', async () =>
    (await generateClient()) ? 'generated from the schema' : null,
  )
  await stepUnlessStopped('Schema', async () => {
    const { length } = await applyMigrations(databaseUrl)
    return length > 0 ? `${length} ${length === 1 ? 'migration' : 'migrations'} applied` : 'up to date'
  })
  let newPassword: string | null = null
  await stepUnlessStopped('Accounts', async () => {
    // Rests on the generated client, which a fresh clone has had for a second.
    const { ensureAccounts } = await import('./accounts.ts')
    newPassword = await ensureAccounts(settings, secrets, databaseUrl)
    return newPassword ? `${settings.admin.email} created` : 'ready'
  })
  if (settings.mode === 'production') {
    await stepUnlessStopped('Build', async () =>
      (await ensureBuild(settings.distDir, stopRequest.signal)) ? 'made from the sources' : 'up to date',
    )
  }
  await stepUnlessStopped('Server', async () => {
    const server = startServer(settings, secrets, databaseUrl, stopRequest.signal)
    running.push({ name: 'server', stop: server.stop })
    await server.ready()
    return `ready on ${origin}`
  })
  if (settings.isDemo) {
    await stepUnlessStopped('Demo fleet', async () => {
      running.push({ name: 'fleet', stop: startFleet(settings, secrets, stopRequest.signal).stop })
      return `running, log in ${join(dataDir, 'logs/fleet.log')}`
    })
  }
  welcome(settings, newPassword)
}

async function startDatabase({ databaseUrl, dataDir }: Settings, secrets: Secrets) {
  if (databaseUrl) {
    const isNew = await ensureDatabase(databaseUrl)
    const { hostname, port, pathname } = new URL(databaseUrl)
    return {
      url: databaseUrl,
      about: `${pathname.slice(1)} on ${hostname}:${port || 5432}${isNew ? ', created' : ''}`,
    }
  }
  const { url, port, stop } = await startEmbedded(dataDir, secrets)
  running.push({ name: 'PostgreSQL', stop })
  await ensureDatabase(url)
  return { url, about: `embedded PostgreSQL on 127.0.0.1:${port}` }
}

/** A stop that arrives during the start takes effect between two steps. */
async function stepUnlessStopped(name: string, run: () => Promise<string | null>): Promise<void> {
  stopRequest.signal.throwIfAborted()
  await step(name, run)
}

function indent(text: string): string {
  return text.replaceAll('\n', '\n  ')
}
