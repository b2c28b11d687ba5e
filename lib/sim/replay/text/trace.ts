import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'

const patch = z.tuple([z.int().min(0), z.int().min(0), z.string()])
const traceSchema = z.object({
  endContent: z.string(),
  txns: z.array(
    z.object({ parents: z.array(z.int().min(0)), agent: z.int().min(0).max(1), patches: z.array(patch) }),
  ),
})

/** What replaces what: where, in UTF-16 code units; how many of them go; what comes. */
export type Splice = { at: number; remove: number; insert: string }

/** What one of two writers does next. */
export type Step = {
  agent: 0 | 1
  splices: Splice[]
  /** The step of the other writer that this one was the first to see; null where nothing new was seen. */
  sees: number | null
  /** There is a time at which the other has seen this step and none after it. */
  isSeen: boolean
}

export type Trace = { endContent: string; steps: Step[]; edits: number }

/** Two people typing into one text; its notice stands beside it. */
export const SAMPLE_FILE = new URL('../../data/friends-sample.json.gz', import.meta.url)

/**
 * Reads an editing trace of two writers, in the format of the public *editing-traces*.
 * @throws Error where it is none, or where positions would have to be counted in characters of two code units
 */
export async function readTrace(file: string | URL): Promise<Trace> {
  const bytes = await readFile(file)
  const text = (String(file).endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
  const { endContent, txns } = traceSchema.parse(JSON.parse(text))
  const isPlain = !txns.some(({ patches }) => patches.some(([, , insert]) => /[\ud800-\udfff]/.test(insert)))
  if (!isPlain) throw new Error('positions count code points, and this text has some of two code units')

  /** How far each step has seen the other writer's steps: -1 for none of them. */
  const reach: number[] = []
  const latest = [-1, -1]
  const steps = txns.map(({ parents, agent, patches }, index): Step => {
    const own = latest[agent] ?? -1
    const seenBefore = own < 0 ? -1 : reach[own]!
    const seen = Math.max(
      seenBefore,
      ...parents.map((parent) => (txns[parent]!.agent === agent ? reach[parent]! : parent)),
    )
    reach.push(seen)
    latest[agent] = index
    const splices = patches.map(([at, remove, insert]) => ({ at, remove, insert }))
    return { agent: agent === 0 ? 0 : 1, splices, sees: seen > seenBefore ? seen : null, isSeen: false }
  })
  for (const { sees } of steps) if (sees !== null) steps[sees]!.isSeen = true
  return { endContent, steps, edits: txns.reduce((sum, { patches }) => sum + patches.length, 0) }
}
