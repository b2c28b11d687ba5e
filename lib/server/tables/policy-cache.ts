import { afterSteps, knownFields, type KnownFields } from '#lib/core/known-fields.ts'
import type { TablePolicy } from '#lib/core/policy.ts'
import { upcastSteps } from '#lib/core/upcast.ts'
import { tablePolicySchema } from '#lib/protocol/policy.ts'
import type { Database } from '../db.ts'
import { selectPoliciesWithOlder, type OlderSchema } from './store.ts'
import { compilePolicy, type CompiledPolicy } from './validate.ts'

/** A table's policy, compiled, and the version it has in the database. */
export type KnownPolicy = CompiledPolicy & {
  readonly version: number
  /** The fields that apps of older schemas know, by their present names. */
  readonly known: ReadonlyMap<number, KnownFields>
}

type PolicyRow = { name: string; version: number; policy: unknown; older?: OlderSchema[] | null }
/** Compiled policies, as far as they are known. */
export type Policies = {
  /** What is known of a table, at the version given or at any. */
  get: (name: string, version?: number) => KnownPolicy | null
  /** Compiles a policy as it stands in the database. */
  put: (row: PolicyRow) => KnownPolicy
  /** Reads the policies of these tables anew, in one query, and compiles those whose version is new. */
  refresh: (names: readonly string[]) => Promise<void>
}

const holder = globalThis as { holdfastPolicies?: WeakMap<object, Policies> }

/**
 * The compiled policies of this process. A reader selects the versions of the tables it touches with its own
 * query, in its own transaction, and calls `refresh` where one differs: so a change takes effect at once on
 * every process, and a policy is compiled once per process and version.
 */
export function policyCache(db: Database): Policies {
  const caches = (holder.holdfastPolicies ??= new WeakMap())
  const known = caches.get(db) ?? policiesFrom((names) => selectPoliciesWithOlder(db, names))
  caches.set(db, known)
  return known
}

/** Policies, read where they are kept. */
export function policiesFrom(read: (names: readonly string[]) => Promise<PolicyRow[]>): Policies {
  const known = new Map<string, KnownPolicy>()
  function put(row: PolicyRow): KnownPolicy {
    const policy = compilePolicy(storedPolicy(row))
    const compiled = { ...policy, version: row.version, known: knownToOlder(policy, row.older ?? []) }
    known.set(row.name, compiled)
    return compiled
  }
  return {
    get(name, version) {
      const found = known.get(name)
      return found && (version === undefined || found.version === version) ? found : null
    },
    put,
    async refresh(names) {
      const rows = await read(names)
      const found = new Set(rows.map((row) => row.name))
      for (const name of names) if (!found.has(name)) known.delete(name)
      for (const row of rows) if (known.get(row.name)?.version !== row.version) put(row)
    },
  }
}

/** @param older the schemas a table had before, where they are kept */
export function knownToOlder(policy: TablePolicy, older: readonly OlderSchema[]): Map<number, KnownFields> {
  return new Map(
    older.flatMap(({ schema_version, schema }) => {
      const steps = upcastSteps(schema_version, policy)
      return schema && steps ? [[schema_version, afterSteps(knownFields(schema), steps)] as const] : []
    }),
  )
}

/** Policies of these tables by name, as they stand in the database now; a table without one is left out. */
export async function loadPolicies(
  db: Database,
  names: readonly string[],
): Promise<Map<string, KnownPolicy>> {
  const cache = policyCache(db)
  await cache.refresh(names)
  return new Map(
    names.flatMap((name) => {
      const policy = cache.get(name)
      return policy ? [[name, policy] as const] : []
    }),
  )
}

/** A policy from its JSON column. What an older version of Holdfast left out takes its default. */
export function storedPolicy(row: { name: string; policy: unknown }): TablePolicy {
  return tablePolicySchema.parse({ ...(row.policy as object), name: row.name })
}
