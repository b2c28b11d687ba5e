import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Two cores: the tests, and the PostgreSQL or the server they talk to.
    maxWorkers: 2,
    env: { LOG_LEVEL: 'silent' },
    projects: [
      {
        extends: true,
        test: {
          name: 'pure',
          include: ['{app,components,lib,prisma,scripts}/**/*.test.{ts,tsx}'],
          exclude: ['**/*.pg.test.ts', '**/*.process.test.ts'],
          // A law is tried hundreds of times, on a machine that may be busy.
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'pg',
          include: ['{app,components,lib,prisma,scripts}/**/*.pg.test.ts'],
          globalSetup: ['lib/server/testing/vitest-setup.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'process',
          include: ['scripts/**/*.process.test.ts'],
          // Each starts the whole product: one at a time.
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
})
