import { parseArgs } from 'node:util'
import { runFleet, type FleetTally } from '#lib/sim/fleet/fleet.ts'

const USAGE = `Runs simulated devices against a server, over HTTP alone.

npm run fleet -- --url http://127.0.0.1:3000 [options]

  --devices N         how many                                          (60)
  --scopes N          regions they are spread over                      (6)
  --minutes N         how long; 0 for ever                              (0)
  --seed N            the same seed makes the same fleet                (1)
  --conflicts P       share of field edits that two devices make at once (0.01)
  --url URL           the server; also HOLDFAST_URL                     (http://127.0.0.1:3000)
  --api-key KEY       an admin's, to set table policies; also HOLDFAST_API_KEY
  --enrollment-key KEY  also HOLDFAST_ENROLLMENT_KEY`

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '60' },
    scopes: { type: 'string', default: '6' },
    minutes: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    conflicts: { type: 'string', default: '0.01' },
    url: { type: 'string', default: process.env['HOLDFAST_URL'] ?? 'http://127.0.0.1:3000' },
    'api-key': { type: 'string', default: process.env['HOLDFAST_API_KEY'] ?? '' },
    'enrollment-key': { type: 'string', default: process.env['HOLDFAST_ENROLLMENT_KEY'] ?? '' },
    help: { type: 'boolean', default: false },
  },
})

/** @returns the option as a number of at least `min`; ends the program with the reason otherwise */
function numeric(name: 'devices' | 'scopes' | 'minutes' | 'seed' | 'conflicts', min: number): number {
  const value = Number(values[name])
  if (Number.isFinite(value) && value >= min) return value
  console.error(`--${name} must be a number of at least ${min}, not "${values[name]}"`)
  process.exit(2)
}

if (values.help || values['api-key'] === '' || values['enrollment-key'] === '') {
  console.error(USAGE)
  process.exit(values.help ? 0 : 2)
}

const minutes = numeric('minutes', 0)
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
if (minutes > 0) setTimeout(() => stop.abort(), minutes * 60_000)

const tally: FleetTally = {
  edits: 0,
  spoiled: 0,
  collisions: 0,
  sharedRemarks: 0,
  visits: 0,
  refusedVisits: 0,
  syncs: 0,
  failedSyncs: 0,
  accepted: 0,
  conflicts: 0,
  rejected: 0,
}
const report = () =>
  console.log(
    `fleet: ${tally.edits} edits (${tally.spoiled} bad, ${tally.collisions} collided, ` +
      `${tally.sharedRemarks} remarks of two, ${tally.visits} visits, ${tally.refusedVisits} of them to be undone), ` +
      `${tally.syncs} syncs (${tally.failedSyncs} failed): ` +
      `${tally.accepted} accepted, ${tally.conflicts} in conflict, ${tally.rejected} refused`,
  )
const ticker = setInterval(report, 60_000)

await runFleet(
  {
    baseUrl: values.url,
    apiKey: values['api-key'],
    enrollmentKey: values['enrollment-key'],
    devices: numeric('devices', 1),
    scopes: numeric('scopes', 1),
    seed: numeric('seed', 0),
    conflicts: numeric('conflicts', 0),
  },
  stop.signal,
  tally,
)
clearInterval(ticker)
report()
process.exit(0)
