import type { Result } from './measure.ts'

/** The results as a table for people. */
export function formatTable(results: readonly Result[]): string {
  const head = ['', 'rows/s', 'requests/s', 'p50 ms', 'p95 ms', 'ratio', 'goal', 'against']
  const rows = results.map(
    ({ name, rowsPerSecond, requestsPerSecond, p50Ms, p95Ms, ratio, goal, against }) => [
      name,
      whole(rowsPerSecond),
      whole(requestsPerSecond),
      p50Ms.toFixed(1),
      p95Ms.toFixed(1),
      ratio?.toFixed(2) ?? '',
      goal?.toFixed(2) ?? '',
      against ?? '',
    ],
  )
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)))
  const line = (row: string[]) =>
    row
      .map((cell, column) => {
        const isText = column === 0 || column === row.length - 1
        return isText ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
      })
      .join('  ')
      .trimEnd()
  return [line(head), widths.map((width) => '─'.repeat(width)).join('──'), ...rows.map(line)].join('\n')
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}
