import type { Result } from './measure.ts'

/** The results as a table for people. `client`, `server` and `pg` are milliseconds of processor time per hundred rows. */
export function formatTable(results: readonly Result[]): string {
  const head = [
    '',
    'rows/s',
    'requests/s',
    'p50 ms',
    'p95 ms',
    'client',
    'server',
    'pg',
    'by CPU',
    'ratio',
    'min – max',
    'goal',
  ]
  const rows = results.map((result) => [
    result.name,
    whole(result.rowsPerSecond),
    whole(result.requestsPerSecond),
    result.p50Ms.toFixed(1),
    result.p95Ms.toFixed(1),
    ...(['clientMs', 'serverMs', 'postgresMs'] as const).map((of) => short(result.cpuPer100Rows?.[of])),
    short(result.cpuRatio),
    short(result.ratio?.median),
    result.ratio ? `${short(result.ratio.min)} – ${short(result.ratio.max)}` : '',
    short(result.goal),
    result.against === null ? '' : `of ${result.against}`,
  ])
  const table = [[...head, ''], ...rows]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  const line = (row: string[]) =>
    row
      .map((cell, column) => {
        const isText = column === 0 || column === row.length - 1
        return isText ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
      })
      .join('  ')
      .trimEnd()
  const [title = '', ...body] = table.map(line)
  const width = Math.max(...[title, ...body].map(({ length }) => length))
  return [title, '─'.repeat(width), ...body].join('\n')
}

function short(value: number | null | undefined): string {
  return value?.toFixed(2) ?? ''
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}
