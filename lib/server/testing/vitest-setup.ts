import { startTestCluster } from './cluster.ts'

/** One PostgreSQL for all the `*.pg.test.ts` of a run. Vitest calls what it returns at the end. */
export default function setup(): Promise<() => Promise<void>> {
  return startTestCluster()
}
