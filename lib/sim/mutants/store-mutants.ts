import type { Mutant } from './mutants.ts'

const commit = 'lib/sim/model/push-commit.ts'

/** Bugs of a database's schema and statements, planted in the model of it. */
export const storeMutants: readonly Mutant[] = [
  {
    name: 'a bigserial cursor: numbers are taken at insert, and commits overtake each other',
    file: commit,
    find: `    await tx.put('heads', scope, { ...head, seq, chain })`,
    replace: `    tx.append('heads', { ...head, seq, chain }, scope)
    database.locks.release(tx)`,
  },
  {
    name: 'what the decisions rest on is not looked at again once it is locked',
    file: commit,
    find: `      if (tx.get('records', key)?.version !== version) throw moved('a record moved')
      await tx.lock('records', key)
      if (tx.get('records', key)?.version !== version) throw moved('a record moved')`,
    replace: `      await tx.lock('records', key)`,
  },
  {
    name: 'acknowledged before it is committed',
    file: 'lib/sim/model/model-database.ts',
    find: `      await host.step({ name: 'commit', commits: false })
      transaction.commit()`,
    replace: `      void host.step({ name: 'commit', commits: false }).then(
        () => transaction.commit(),
        () => transaction.abort(),
      )`,
  },
  {
    name: 'part of a batch is committed',
    file: commit,
    find: `    if (change.final === 'update') await tx.put(`,
    replace: `    if (change.final === 'update' && change !== keyed.at(-1)?.change) await tx.put(`,
  },
  {
    name: 'a tombstone is collected early',
    file: commit,
    find: `    if (change.final === 'update') await tx.put('records', key, rowOf(change))`,
    replace: `    if (change.final === 'update' && change.data === null) await tx.delete('records', key)
    else if (change.final === 'update') await tx.put('records', key, rowOf(change))`,
  },
  {
    name: 'a hole is lost',
    file: commit,
    find: `  for (const hole of p.holes.open) {`,
    replace: `  for (const hole of p.holes.open.slice(1)) {`,
  },
  {
    name: 'a page of the feed is cut inside a batch',
    file: 'lib/sim/model/feed-pages.ts',
    find: `  const told = page.flatMap((commit) =>`,
    replace: `  const told = page.slice(0, Math.max(1, maxChanges)).flatMap((commit, at) => at > 0 && at === page.length - 1 ? [] :`,
  },
  {
    name: 'a snapshot page shows what is there now, not what was there at its pin',
    file: 'lib/sim/model/feed-pages.ts',
    find: `    if (commit.seq <= pin) continue`,
    replace: `    if (commit.seq > 0) continue`,
  },
]
