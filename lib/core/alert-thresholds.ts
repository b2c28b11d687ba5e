/** Where the six metrics of semantics.md become alarming: the lines in the charts, and what built-in alerts start from. */
export const alertThresholds = {
  lagSeconds: 3_600,
  failureRate: 0.05,
  conflictRate: 0.1,
  queueDepth: 1_000,
  payloadBytes: 10_000_000,
  durationSeconds: 30,
} as const
