import { histogramTotal } from '#lib/core/histogram.ts'
import { instruments } from './metrics.ts'

/** A distribution over the fleet at one moment: set as a whole at each scrape, never added to. */
export type Distribution = {
  name: string
  help: string
  bounds: readonly number[]
  counts: readonly number[]
  sum: number
}

export type ExpositionFormat = 'openmetrics' | 'text'

export const contentTypes: Record<ExpositionFormat, string> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  text: 'text/plain; version=0.0.4; charset=utf-8',
}

/** The format a scraper asks for: OpenMetrics carries exemplars, everybody else gets the classic text. */
export function acceptedFormat(accept: string | null): ExpositionFormat {
  return accept?.includes('application/openmetrics-text') ? 'openmetrics' : 'text'
}

/** All instruments of this process as a scraper reads them. */
export async function renderMetrics(
  format: ExpositionFormat,
  distributions: Distribution[],
): Promise<string> {
  const own = (await instruments().registry.metrics()).replace(/# EOF\n$/, '')
  const openMetrics = `${own}${distributions.map(renderDistribution).join('')}# EOF\n`
  return format === 'openmetrics' ? openMetrics : toText(openMetrics)
}

function renderDistribution({ name, help, bounds, counts, sum }: Distribution): string {
  let below = 0
  const buckets = bounds.map((bound, i) => `${name}_bucket{le="${bound}"} ${(below += counts[i] ?? 0)}\n`)
  const total = histogramTotal(counts)
  return [
    `# HELP ${name} ${help}\n# TYPE ${name} histogram\n`,
    ...buckets,
    `${name}_bucket{le="+Inf"} ${total}\n${name}_sum ${sum}\n${name}_count ${total}\n`,
  ].join('')
}

/**
 * OpenMetrics as the classic text format: counters are declared by their full name, and there are no exemplars.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
function toText(openMetrics: string): string {
  const counters = new Set<string>()
  for (const [, name] of openMetrics.matchAll(/^# TYPE (\S+) counter$/gm)) if (name) counters.add(name)
  return openMetrics
    .replace(/^# (HELP|TYPE) (\S+)/gm, (line, keyword: string, name: string) =>
      counters.has(name) ? `# ${keyword} ${name}_total` : line,
    )
    .replace(/ # \{[^}]*\} \S+ \S+$/gm, '')
    .replace(/^# EOF\n$/m, '')
}
