import { clientMutants } from './client-mutants.ts'
import { retentionMutants } from './retention-mutants.ts'
import { sagaMutants } from './saga-mutants.ts'
import { serverMutants } from './server-mutants.ts'
import type { Narrowing } from '../simulation/plan.ts'
import { storeMutants } from './store-mutants.ts'

/**
 * A planted bug: a piece of a module's text, and what stands in its place when the module is loaded; and what its seeds
 * are narrowed to, so that what the bug needs comes together. What shows only where nothing follows needs short ones.
 */
export type Mutant = {
  name: string
  /** From the root of the repository. */
  file: string
  find: string
  replace: string
} & Pick<Narrowing, 'rates' | 'safetyMs' | 'devices' | 'editEveryMs'>

/** Bugs that a simulation has to find; an oracle that misses one is broken. */
export const mutants: readonly Mutant[] = [
  ...storeMutants,
  ...serverMutants,
  ...sagaMutants,
  ...retentionMutants,
  ...clientMutants,
]
