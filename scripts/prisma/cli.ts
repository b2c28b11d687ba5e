import { resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')

/** Prisma's command line program. */
export const prismaCli = resolve(root, 'node_modules/prisma/build/index.js')

/** Environment in which Prisma's command line works without downloading an engine or calling home. */
export function prismaEnvironment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PATH: `${resolve(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`,
    PRISMA_SCHEMA_ENGINE_BINARY: resolve(import.meta.dirname, 'engine-server.ts'),
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  }
}
