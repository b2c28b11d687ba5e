/** Next calls this once in each process, before the first request. */
export async function register(): Promise<void> {
  if (process.env['NEXT_RUNTIME'] !== 'nodejs' || !process.env['DATABASE_URL']) return
  const { startProcess } = await import('#lib/server/worker/process.ts')
  startProcess()
}
