import { ensureDatabase } from './postgres/database.ts'
import { applyMigrations } from './prisma/migrations.ts'

// `npm run migrate`: brings the database that DATABASE_URL names up to date, creating it if it is missing.

const url = process.env['DATABASE_URL']
if (url) {
  await ensureDatabase(url)
  const names = await applyMigrations(url)
  console.log(
    names.length > 0 ? `Applied ${names.join(', ')}.` : 'Nothing to do: every migration is applied.',
  )
} else {
  console.error('DATABASE_URL is not set. `npm start` migrates the embedded database by itself.')
  process.exitCode = 1
}
