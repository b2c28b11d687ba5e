import type { JsonObject } from '#lib/core/json.ts'
import { canonicalJson } from '#lib/protocol/checksum.ts'
import { isSigned } from '../retention/checkpoint.ts'
import { feedDigest, feedLink, feedOrigin } from '../sync/digest.ts'
import { sha256Hex } from '../sync/read-changes.ts'
import type { Finding } from './finding.ts'
import {
  selectBrokenVersions,
  selectChanges,
  selectCommits,
  selectFoldDigest,
  streamFolded,
  type Ask,
  type ScopeHead,
  type StoredChange,
  type StoredCommit,
} from './store.ts'

type Told = Omit<Finding, 'check' | 'scope'>

/**
 * Verifies a scope's log, from its start or from its signed checkpoint: every state against its checksum, every commit
 * against its digest, every digest against the chain, seqs and versions without a gap.
 * @param progress told how many commits were read since it was last told
 */
export async function* verifyLog(
  ask: Ask,
  head: ScopeHead,
  options: { secret: string; progress: (commits: number) => void },
): AsyncGenerator<Finding> {
  const { scope, checkpoint } = head
  const tell = (told: Told): Finding => ({ check: 'feed', scope, ...told })
  if (head.seq === null) {
    return yield tell({ detail: 'the scope has no head' })
  }
  if (head.min_seq !== (checkpoint?.seq ?? 0)) {
    yield tell({ seq: head.min_seq, detail: 'min_seq is not that of the checkpoint' })
  }
  if (checkpoint) {
    for await (const told of verifyCheckpoint(ask, scope, checkpoint, options.secret)) {
      yield { check: 'state', scope, ...told }
    }
  }

  let chains: Buffer[] = [checkpoint ? Buffer.from(checkpoint.chain, 'hex') : feedOrigin(scope)]
  let seq = checkpoint?.seq ?? 0
  let position = -1n
  for (;;) {
    const commits = await selectCommits(ask, scope, seq)
    if (commits.length === 0) break
    const changes = Map.groupBy(await selectChanges(ask, scope, commits), placeOf)
    for (const commit of commits) {
      if (commit.seq !== seq + 1) yield tell({ seq: seq + 1, detail: gapDetail(seq, commit.seq) })
      const own = changes.get(placeOf(commit)) ?? []
      for (const told of verifyStates(own)) yield tell({ ...told, seq: commit.seq })
      const digest = Buffer.from(feedDigest(commit, own), 'hex')
      const next = [digest, commit.digest].map((of) => chains.map((chain) => linkOf(chain, commit, of)))
      const fault = faultOf(commit, { own, digest, links: next })
      if (fault) yield tell({ seq: commit.seq, detail: fault })
      // What follows shows whether the chain itself was at fault here: either may go on.
      chains = fault === null ? [commit.chain] : distinct([commit.chain, ...next.flat()]).slice(0, mostChains)
      const place = BigInt(commit.position)
      if (place <= position)
        yield tell({ seq: commit.seq, detail: 'its position is not after that of the commit before' })
      position = place
      seq = commit.seq
    }
    options.progress(commits.length)
  }
  if (seq !== head.seq)
    yield tell({ seq: head.seq, detail: `the head stands here, and the last commit is ${seq}` })
  if (!chains.some((chain) => chain.equals(head.chain))) {
    yield tell({ seq: head.seq, detail: 'the chain of the head is not that of the last commit' })
  }
  for (const { before, version, previous, ...place } of await selectBrokenVersions(
    ask,
    scope,
    head.min_seq,
  )) {
    yield { check: 'feed', ...place, detail: `version ${version} on ${before} follows version ${previous}` }
  }
}

/** How many chains are followed after a fault until one of them is seen to be right. */
const mostChains = 8

function gapDetail(seq: number, next: number): string {
  return next <= seq ? `commit ${next} stands here twice` : `commits ${seq + 1} to ${next - 1} are missing`
}

const placeOf = ({ batch, committed_at }: StoredCommit | StoredChange) => `${batch} ${committed_at.getTime()}`

function linkOf(chain: Buffer, { position, committed_at }: StoredCommit, digest: Uint8Array): Buffer {
  return feedLink(chain, { digest, position: BigInt(position), committedAt: committed_at })
}

/** What of a commit is not as it was written. */
function faultOf(
  commit: StoredCommit,
  { own, digest, links }: { own: readonly StoredChange[]; digest: Buffer; links: Buffer[][] },
): string | null {
  const [byChanges = [], byDigest = []] = links
  const isIn = (chains: Buffer[]) => chains.some((chain) => chain.equals(commit.chain))
  if (own.length !== commit.changes) {
    return `the commit is of ${commit.changes} changes, and ${own.length} of them are there`
  }
  if (isIn(byChanges)) return digest.equals(commit.digest) ? null : 'the digest was changed'
  if (isIn(byDigest)) return 'the commit or one of its changes was changed: its digest is another'
  return digest.equals(commit.digest)
    ? 'the chain, the position or the time of the commit was changed'
    : 'the commit does not follow the one before it'
}

function distinct(chains: readonly Buffer[]): Buffer[] {
  return [...new Map(chains.map((chain) => [chain.toString('hex'), chain])).values()]
}

function* verifyStates(changes: readonly StoredChange[]): Generator<Told> {
  for (const { table, record_id, ordinal, effect, data, checksum } of changes) {
    const place = { table, record_id, ordinal }
    // Where nothing was written the checksum is that of what was sent.
    if (effect === 'NONE') {
      if (data !== null) yield { ...place, detail: 'it wrote nothing, and has a state' }
    } else if (checksumOf(data) !== checksum) {
      yield { ...place, detail: 'the state is not that of its checksum' }
    }
  }
}

/** @returns null where the state cannot be one that was written */
function checksumOf(data: string | null): string | null {
  try {
    return sha256Hex(canonicalJson(data === null ? null : (JSON.parse(data) as JsonObject)))
  } catch {
    return null
  }
}

async function* verifyCheckpoint(
  ask: Ask,
  scope: string,
  checkpoint: NonNullable<ScopeHead['checkpoint']>,
  secret: string,
): AsyncGenerator<Told> {
  const { seq, swept_seq: sweptSeq } = checkpoint
  if (!isSigned({ scope, ...checkpoint }, Buffer.from(checkpoint.signature, 'hex'), secret)) {
    yield { seq, detail: 'the checkpoint was changed, or signed with another secret' }
  }
  if (sweptSeq < 0 || sweptSeq > seq)
    yield { seq, detail: `swept up to ${sweptSeq}, which is past the checkpoint` }
  const [commit] = await selectCommits(ask, scope, seq - 1)
  if (commit?.seq === seq && commit.chain.toString('hex') !== checkpoint.chain) {
    yield { seq, detail: 'the chain of the checkpoint is not that of its commit' }
  }
  const fold = await selectFoldDigest(ask, scope, seq)
  if (fold.state !== checkpoint.state || fold.records !== checkpoint.records) {
    yield {
      seq,
      detail: `the state at the checkpoint is another: ${fold.records} records, where ${checkpoint.records} were signed`,
    }
  }
  for await (const rows of streamFolded(ask, scope, seq)) {
    for (const { table, record_id, data, checksum } of rows) {
      if (checksumOf(data) !== checksum) {
        yield { table, record_id, detail: 'the state is not that of its checksum' }
      }
    }
  }
}
