/** The page of a record. Tables' names may contain slashes, which stay slashes in the address. */
export function recordPath({ scope, table, id }: { scope?: string; table: string; id: string }): string {
  const path = [...table.split('/'), id].map(encodeURIComponent).join('/')
  return `/records/${path}${scope === undefined ? '' : `?scope=${encodeURIComponent(scope)}`}`
}

export function tablePath(name: string): string {
  return `/tables/${name.split('/').map(encodeURIComponent).join('/')}`
}

/** The parts of a catch-all address, decoded; null where they are not well-formed. */
export function decodeParts(parts: readonly string[]): string[] | null {
  try {
    return parts.map((part) => decodeURIComponent(part))
  } catch {
    return null
  }
}
