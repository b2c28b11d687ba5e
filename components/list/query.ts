/** What Next gives a page: the query, with repeated names as lists. */
export type SearchParams = Promise<Record<string, string | string[] | undefined>>

/** The query as a verb takes it: one value per name, the first where there are several; empty ones are not there. */
export async function listQuery(searchParams: SearchParams): Promise<Record<string, string>> {
  const entries = Object.entries(await searchParams).flatMap(([name, value]) => {
    const single = Array.isArray(value) ? value[0] : value
    return single === undefined || single === '' ? [] : [[name, single] as const]
  })
  return Object.fromEntries(entries)
}
