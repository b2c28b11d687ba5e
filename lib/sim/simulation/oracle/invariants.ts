/** The names of assurance.md, those of sagas (their steps in order, whole or undone, and at an end), `OneScope` (what moved lives in one scope alone), and `NoFault`: no server answers 500, and no device throws what it does not promise. */
export const invariants = [
  ...(['AckDurable', 'ExactlyOnce', 'StableReply', 'DevicePrefix', 'BatchAtomic', 'FeedComplete'] as const),
  ...(['FeedOrder', 'TokenPrefix', 'Causal', 'Convergence', 'NoSilentLoss', 'MergeAlgebra'] as const),
  ...([
    'NoResurrection',
    'EpochSafety',
    'SingleLineage',
    'AuditReplay',
    'DLQConserve',
    'ScopeIsolation',
  ] as const),
  ...(['Drain', 'NoFault', 'SagaOrder', 'SagaUndone', 'SagaEnds', 'OneScope'] as const),
] as const
export type Invariant = (typeof invariants)[number]

export type Violation = { invariant: Invariant; detail: string; atMs: number }
