import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { v5 } from 'uuid'
import { z } from 'zod'
import { isJsonObject, type JsonObject } from '#lib/core/json.ts'

const state = z.custom<JsonObject>(isJsonObject, 'must be an object').nullable()

const mergeSchema = z.object({
  merge: z.string(),
  time: z.number(),
  records: z.array(
    z.object({
      table: z.string(),
      /** The record's id in its register; not a UUID. */
      id: z.string(),
      base: state,
      ours: state,
      theirs: state,
      /** What the people settled on. */
      merged: state,
      changed: z.enum(['ours', 'theirs', 'both']),
    }),
  ),
})

/** Two people's edits of one register, made apart, and what they settled on. `null` is: absent. */
export type Merge = z.output<typeof mergeSchema>
export type MergedRecord = Merge['records'][number]

/** A small file of real merges that comes with the product; its notice stands beside it. */
export const SAMPLE_FILE = new URL('./data/nsi-sample.jsonl.gz', import.meta.url)

/**
 * Reads a file of merges, one JSON object a line, gzipped if its name ends in `.gz`.
 * @throws Error that names the line which is not a merge
 */
export async function readMerges(file: string | URL): Promise<Merge[]> {
  const bytes = await readFile(file)
  const text = String(file).endsWith('.gz') ? gunzipSync(bytes).toString() : bytes.toString()
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line, index) => {
      const parsed = mergeSchema.safeParse(JSON.parse(line))
      if (parsed.success) return parsed.data
      throw new Error(`line ${index + 1} is not a merge: ${parsed.error.issues[0]?.message ?? 'unreadable'}`)
    })
}

const REGISTER_NAMESPACE = '5d0c2b8e-6f1a-4f57-9a6e-0c3b1d9e7a42'

/** The UUID of a register's record: the same for everybody who reads the same register. */
export function registerRecordId({ table, id }: { table: string; id: string }): string {
  return v5(`${table}/${id}`, REGISTER_NAMESPACE)
}
