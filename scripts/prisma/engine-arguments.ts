import { parseArgs } from 'node:util'

/** What Prisma's command line asks of the program it takes for its native engine. */
export type EngineArguments =
  | { kind: 'version' }
  | { kind: 'database'; command: string; url: string }
  | { kind: 'serve'; datamodels: string[]; url: string }

/** Reads the native engine's command line, as far as Prisma 7 uses it. */
export function parseEngineArguments(argv: string[]): EngineArguments {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    strict: false,
    options: {
      version: { type: 'boolean' },
      datamodels: { type: 'string', multiple: true },
      datasource: { type: 'string' },
    },
  })
  if (values['version']) return { kind: 'version' }
  const datasource = typeof values['datasource'] === 'string' ? values['datasource'] : '{}'
  const { url = process.env['DATABASE_URL'] ?? 'postgresql://127.0.0.1/holdfast' } = JSON.parse(
    datasource,
  ) as { url?: string }
  if (positionals[0] === 'cli') return { kind: 'database', command: positionals[1] ?? '', url }
  const datamodels = (values['datamodels'] ?? []).filter((path) => typeof path === 'string')
  return { kind: 'serve', datamodels, url }
}
