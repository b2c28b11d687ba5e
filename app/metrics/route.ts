import { AppError } from '#lib/protocol/errors.ts'
import { collectFleetMetrics } from '#lib/server/health/fleet-metrics.ts'
import { endpoint, openRoute } from '#lib/server/http/door.ts'
import { bearerToken, hashToken, sameHash } from '#lib/server/tokens.ts'
import { acceptedFormat, contentTypes, renderMetrics } from '#lib/telemetry/exposition.ts'

export const dynamic = 'force-dynamic'

/** For Prometheus. Open, unless HOLDFAST_METRICS_TOKEN is set: then it is the bearer token. */
export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: openRoute('metrics.read', async ({ request }) => {
    requireMetricsToken(request.headers)
    const format = acceptedFormat(request.headers.get('accept'))
    const body = await renderMetrics(format, await collectFleetMetrics())
    return new Response(body, {
      headers: { 'content-type': contentTypes[format], 'cache-control': 'no-store' },
    })
  }),
})

function requireMetricsToken(headers: Headers): void {
  const expected = process.env['HOLDFAST_METRICS_TOKEN']
  if (!expected) return
  const given = bearerToken(headers)
  if (given === null || !sameHash(hashToken(given), hashToken(expected))) {
    throw new AppError('unauthenticated', 'Send the metrics token as Authorization: Bearer.')
  }
}
