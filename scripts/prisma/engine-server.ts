#!/usr/bin/env node
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { withEngine } from './engine.ts'
import { runDatabaseCommand } from './engine-database.ts'
import { parseEngineArguments } from './engine-arguments.ts'

/**
 * Stands in for Prisma's native schema engine, so that its command line works with nothing downloaded: takes
 * JSON-RPC requests, one a line, on standard input, hands them to the engine of `engine.ts` in order, and
 * answers on standard output.
 */
type Request = { id: number; method?: string; params?: unknown }

const options = parseEngineArguments(process.argv.slice(2))
if (options.kind === 'version') {
  console.log('schema-engine-cli (WebAssembly)')
} else if (options.kind === 'database') {
  process.exitCode = await runDatabaseCommand(options.command, options.url)
} else {
  const datamodels = await Promise.all(
    options.datamodels.map(async (path): Promise<[string, string]> => [path, await readFile(path, 'utf8')]),
  )
  await withEngine(options.url, datamodels.length > 0 ? datamodels : undefined, async (engine) => {
    for await (const line of createInterface({ input: process.stdin })) {
      const request = JSON.parse(line) as Request
      if (request.method) await answer(request, engine)
    }
  })
}

async function answer({ id, method = '', params }: Request, engine: object): Promise<void> {
  try {
    const run: unknown = Reflect.get(engine, method === 'getDatabaseVersion' ? 'version' : method)
    if (typeof run !== 'function') throw new Error(`The engine has no method ${method}`)
    const result: unknown = await run.call(engine, params ?? {})
    const text =
      method === 'diff' && typeof result === 'object' && result && 'stdout' in result ? result.stdout : null
    if (text) send({ id: id + 1_000_000, method: 'print', params: { content: text } })
    send({ id, result: result ?? null })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    send({ id, error: { code: 4466, message, data: { is_panic: false, message, error_code: code } } })
  }
}

function send(message: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
}
