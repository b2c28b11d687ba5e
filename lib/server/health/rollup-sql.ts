import { durationBoundsSeconds, lagBoundsSeconds, payloadBoundsBytes } from '#lib/core/histogram.ts'
import { Prisma } from '../generated/prisma/client.ts'

// Pieces of SQL made from the histogram bounds of lib/core/histogram.ts. They hold numbers of ours, no input.

const histograms = { lag: lagBoundsSeconds, duration: durationBoundsSeconds, payload: payloadBoundsBytes }
type HistogramName = keyof typeof histograms

/** Index of the bucket that a value falls into, from 0; null for null. */
function bucketSql(value: string, name: HistogramName): string {
  return `width_bucket(${value}, ARRAY[${histograms[name].join(',')}]::float8[])`
}

/** Counts per bucket of the rows of a group. */
function countsSql(name: HistogramName): string {
  const cells = Array.from(
    { length: histograms[name].length + 1 },
    (_, i) => `count(*) FILTER (WHERE ${name} = ${i})`,
  )
  return `ARRAY[${cells.join(',')}]::int[]`
}

/** Sum of the histograms of a group, bucket by bucket. */
function sumSql(name: HistogramName): string {
  const cells = Array.from(
    { length: histograms[name].length + 1 },
    (_, i) => `coalesce(sum(${name}[${i + 1}]), 0)`,
  )
  return `ARRAY[${cells.join(',')}]::int[]`
}

export const bucketOf = {
  lag: Prisma.raw(bucketSql('lag_seconds', 'lag')),
  duration: Prisma.raw(bucketSql('duration_ms / 1000', 'duration')),
  payload: Prisma.raw(bucketSql('request_bytes::float8', 'payload')),
}

export const histogramColumns = Prisma.raw(
  [countsSql('lag'), countsSql('duration'), countsSql('payload')].join(',\n'),
)
export const histogramSum = {
  lag: Prisma.raw(sumSql('lag')),
  duration: Prisma.raw(sumSql('duration')),
  payload: Prisma.raw(sumSql('payload')),
}

/** The bucket of the lag of a device. */
export const lagBucket = Prisma.raw(bucketSql('lag_seconds', 'lag'))

/** An upsert that replaces: folding the same minutes again gives the same rows. */
export const replaceRollup = Prisma.raw(
  [
    'attempts',
    'failures',
    'pushed',
    'accepted',
    'conflicts',
    'rejected',
    'pulled',
    'lag',
    'duration',
    'payload',
    'max_lag_seconds',
  ]
    .map((column) => `${column} = excluded.${column}`)
    .join(', '),
)
