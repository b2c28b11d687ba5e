import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import * as glue from '@prisma/schema-engine-wasm/schema_engine_bg'
import { MigrationAdapterFactory } from './adapter.ts'

let loaded: Promise<void> | undefined

/**
 * Runs `use` with Prisma's own migration engine, in this process: the WebAssembly build that npm carries, so
 * that nothing native has to be downloaded. Its connections are closed afterwards; the lock that keeps two
 * engines apart belongs to them.
 * @param datamodels schema files as [path, text]
 */
export async function withEngine<T>(
  url: string,
  datamodels: [string, string][] | undefined,
  use: (engine: glue.SchemaEngine) => Promise<T>,
): Promise<T> {
  loaded ??= load()
  await loaded
  const log = (line: string) => process.env['DEBUG']?.includes('prisma') && console.error(line)
  const factory = new MigrationAdapterFactory(url)
  try {
    const engine = await glue.SchemaEngine.new(
      { datamodels },
      log,
      bindMigrationAwareSqlAdapterFactory(factory),
    )
    return await use(engine)
  } finally {
    await factory.close()
  }
}

/** The package's entry expects a bundler that imports `.wasm` files; Node wants it put together by hand. */
async function load(): Promise<void> {
  const file = createRequire(import.meta.url)
    .resolve('@prisma/schema-engine-wasm')
    .replace(/\.js$/, '_bg.wasm')
  const { instance } = await WebAssembly.instantiate(await readFile(file), {
    './schema_engine_bg.js': imports(),
  })
  glue.__wbg_set_wasm(instance.exports)
  const begin = instance.exports['__wbindgen_start']
  if (typeof begin === 'function') begin()
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: { set_message: (message: string) => console.error(message) },
  })
}

/**
 * What the module imports: its glue, with its timers unreferenced, because the engine leaves the one that
 * bounds its wait for the migration lock running, and a process that is done would linger for ten seconds.
 */
function imports(): WebAssembly.ModuleImports {
  const entries = Object.entries<WebAssembly.ImportValue>({ ...glue })
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      name.startsWith('__wbg_setTimeout') && typeof value === 'function'
        ? (...args: unknown[]) => {
            const timer: unknown = value(...args)
            if (timer instanceof Object && 'unref' in timer && typeof timer.unref === 'function')
              timer.unref()
            return timer
          }
        : value,
    ]),
  )
}
