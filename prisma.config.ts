import { defineConfig } from 'prisma/config'

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env['DATABASE_URL'] ?? 'postgresql://127.0.0.1:5432/holdfast' },
  experimental: { externalTables: true },
  // Partitioned by time: hand-written migrations own them.
  tables: { external: ['public.feed_commit', 'public.feed_change', 'public.sync_session', 'public.audit'] },
})
