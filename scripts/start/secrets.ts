import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writePrivately } from './data-dir.ts'

const stored = z.object({
  /** Signs the console's session cookies. */
  session: z.string(),
  /** Signs sync tokens and cursors. */
  token: z.string(),
  /** Of the embedded PostgreSQL, which listens on the loopback interface alone. */
  postgresPassword: z.string(),
  postgresPort: z.number().nullable(),
  /** With these the demo fleet enrols its devices and sets up its tables. */
  demoEnrollmentKey: z.string(),
  demoApiKey: z.string(),
})

export type Secrets = z.infer<typeof stored>

/** The secrets of a data directory, made on the first start. The file is readable by its owner alone. */
export async function ensureSecrets(dataDir: string): Promise<Secrets> {
  const file = join(dataDir, 'secrets.json')
  const content = await readFile(file, 'utf8').catch(() => null)
  if (content !== null) return stored.parse(JSON.parse(content))
  const made: Secrets = {
    session: random(),
    token: random(),
    postgresPassword: random(),
    postgresPort: null,
    demoEnrollmentKey: `hf_enr_${random()}`,
    demoApiKey: `hf_api_${random()}`,
  }
  await writePrivately(file, made)
  return made
}

/** Remembers the port of the embedded PostgreSQL, so that tools find it where it was. */
export async function rememberPort(dataDir: string, secrets: Secrets, postgresPort: number): Promise<void> {
  await writePrivately(join(dataDir, 'secrets.json'), { ...secrets, postgresPort })
}

const random = () => randomBytes(32).toString('base64url')
