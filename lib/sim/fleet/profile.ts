import { v5 } from 'uuid'
import type { Chance } from './chance.ts'

/** What is the matter with a device, if anything. */
export type Trait =
  | 'steady'
  /** Its connection drops requests and replies. */
  | 'flaky'
  /** Out of reach for minutes at a time: long enough to be shown as late. */
  | 'often_away'
  /** Out of reach for hours: long enough to be shown as lost. */
  | 'long_away'
  /** Its clock is minutes off. */
  | 'bad_clock'
  /** Its app sometimes writes records that the server has to refuse. */
  | 'bad_payload'
  /** Its app has not been updated for long. */
  | 'old_app'

export interface Profile {
  readonly index: number
  readonly deviceId: string
  readonly name: string
  readonly platform: string
  readonly appVersion: string
  readonly scope: string
  readonly trait: Trait
  /** Mean time between two edits. */
  readonly thinkMs: number
  /** Mean time between two syncs that no edit asked for. */
  readonly heartbeatMs: number
  readonly clockOffsetMs: number
}

const FLEET_NAMESPACE = '0b7f6c1e-2a64-4d0b-8c1c-93a1f3c2d5e8'
const MINUTE_MS = 60_000

const KINDS = [
  { name: 'Tablet', platform: 'android', share: 0.5 },
  { name: 'Phone', platform: 'ios', share: 0.8 },
  { name: 'Van PC', platform: 'windows', share: 1 },
] as const

/** Who the device with this number is: always the same for the same seed. */
export function deviceProfile(
  chance: Chance,
  options: { index: number; seed: number; scopes: number },
): Profile {
  const { index, seed, scopes } = options
  const own = chance.split(`profile-${index}`)
  const draw = own.unit()
  const kind = KINDS.find((each) => draw < each.share) ?? KINDS[0]
  const trait = traitOf(index)
  return {
    index,
    deviceId: v5(`${seed}/${index}`, FLEET_NAMESPACE),
    name: `${kind.name} ${index + 1}`,
    platform: kind.platform,
    appVersion: trait === 'old_app' ? '3.3.2' : own.happens(0.25) ? '3.4.0' : '3.4.1',
    scope: `region-${(index % scopes) + 1}`,
    trait,
    thinkMs: own.between(40_000, 160_000),
    heartbeatMs: own.between(30_000, 90_000),
    clockOffsetMs: clockOffsetMs(trait, own),
  }
}

/**
 * Troubles are dealt by number, not drawn: in a fleet of twenty there is one of each, in a fleet of
 * sixty three, and most devices have none.
 */
function traitOf(index: number): Trait {
  switch (index % 20) {
    case 3:
    case 13:
      return 'flaky'
    case 5:
      return 'often_away'
    case 8:
      return index === 8 || index === 48 ? 'long_away' : 'often_away'
    case 11:
      return 'bad_clock'
    case 16:
      return 'bad_payload'
    case 18:
      return 'old_app'
    default:
      return 'steady'
  }
}

/** Ahead is refused and corrected, behind is accepted and shown: a fleet has both. */
function clockOffsetMs(trait: Trait, own: Chance): number {
  if (trait !== 'bad_clock') return own.between(-2000, 2000)
  return own.happens(0.5)
    ? own.between(6 * MINUTE_MS, 45 * MINUTE_MS)
    : own.between(-9 * MINUTE_MS, -2 * MINUTE_MS)
}
