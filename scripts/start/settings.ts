import { resolve } from 'node:path'
import { z } from 'zod'

export const root = resolve(import.meta.dirname, '../..')

const onOff = z.enum(['on', 'off'])
const secret = z.string().min(16, 'needs at least 16 characters')

/** The environment of `npm start`; the README shows the same table. */
const environment = z.object({
  PORT: z.coerce.number().int().min(1).max(65_535).default(3000),
  HOST: z.string().default('127.0.0.1'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'is not a postgresql:// URL' }).optional(),
  HOLDFAST_DATA_DIR: z.string().default('.holdfast'),
  HOLDFAST_DEMO: onOff.optional(),
  HOLDFAST_ADMIN_EMAIL: z.email().default('admin@holdfast.local'),
  HOLDFAST_ADMIN_PASSWORD: z.string().optional(),
  HOLDFAST_API_KEY: z.string().optional(),
  HOLDFAST_ENROLLMENT_KEY: z.string().optional(),
  HOLDFAST_SESSION_SECRET: secret.optional(),
  HOLDFAST_TOKEN_SECRET: secret.optional(),
  NEXT_DIST_DIR: z.string().optional(),
})

export type Settings = {
  mode: 'production' | 'development'
  port: number
  host: string
  /** Where the server answers, seen from this machine. */
  origin: string
  /** Null: the embedded PostgreSQL. */
  databaseUrl: string | null
  dataDir: string
  /** Below the project. */
  distDir: string
  isDemo: boolean
  admin: { email: string; password: string | undefined }
  keys: { api: string | undefined; enrollment: string | undefined }
  secrets: { session: string | undefined; token: string | undefined }
}

/**
 * Reads the environment. An empty variable counts as not set.
 * @throws Error that names each variable that cannot be used, and why
 */
export function readSettings(variables: NodeJS.ProcessEnv, mode: Settings['mode']): Settings {
  const set = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''))
  const { data, error } = environment.safeParse(set)
  if (error)
    throw new Error(error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n'))
  const reachable = ['0.0.0.0', '::'].includes(data.HOST) ? '127.0.0.1' : data.HOST
  return {
    mode,
    port: data.PORT,
    host: data.HOST,
    origin: `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${data.PORT}`,
    databaseUrl: data.DATABASE_URL ?? null,
    dataDir: resolve(root, data.HOLDFAST_DATA_DIR),
    distDir: data.NEXT_DIST_DIR ?? (mode === 'production' ? '.next' : '.next-dev'),
    isDemo: (data.HOLDFAST_DEMO ?? (data.DATABASE_URL ? 'off' : 'on')) === 'on',
    admin: { email: data.HOLDFAST_ADMIN_EMAIL, password: data.HOLDFAST_ADMIN_PASSWORD },
    keys: { api: data.HOLDFAST_API_KEY, enrollment: data.HOLDFAST_ENROLLMENT_KEY },
    secrets: { session: data.HOLDFAST_SESSION_SECRET, token: data.HOLDFAST_TOKEN_SECRET },
  }
}
