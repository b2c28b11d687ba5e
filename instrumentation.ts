/** Next calls this once in each process, before the first request. */
export async function register(): Promise<void> {
  if (process.env['NEXT_RUNTIME'] !== 'nodejs' || !process.env['DATABASE_URL']) return
  const { stampClientAddresses } = await import('#lib/server/http/client-address.ts')
  const { mendAddresses } = await import('#lib/server/http/readable-address.ts')
  mendAddresses()
  stampClientAddresses(process.env['HOLDFAST_TRUSTED_PROXIES'] ?? '')
  const { startProcess } = await import('#lib/server/worker/process.ts')
  await startProcess({ worker: process.env['WORKER'] !== 'off' })
}
