import type { Chance } from './chance.ts'
import type { Trait } from './profile.ts'

const MINUTE_MS = 60_000

/** How long a device is within reach, and how long it then is not. */
function spellMs(trait: Trait, isUp: boolean, chance: Chance): number {
  switch (trait) {
    case 'long_away':
      return isUp ? chance.between(2, 6) * MINUTE_MS : chance.between(70, 150) * MINUTE_MS
    case 'often_away':
      return isUp ? chance.between(3, 12) * MINUTE_MS : chance.between(17, 40) * MINUTE_MS
    case 'flaky':
      return isUp ? chance.interval(4 * MINUTE_MS) : chance.interval(MINUTE_MS)
    case 'steady':
    case 'bad_clock':
    case 'bad_payload':
    case 'old_app':
      return isUp ? chance.interval(25 * MINUTE_MS) : chance.between(1, 6) * MINUTE_MS
  }
}

/** Whether a device is within reach of a network: spells of one and of the other, for ever. */
export class Presence {
  private readonly trait: Trait
  private readonly chance: Chance
  private up = true
  private untilMs: number

  /** Every device begins within reach, if only for its first sync. */
  constructor(trait: Trait, chance: Chance, nowMs: number) {
    this.trait = trait
    this.chance = chance
    this.untilMs = nowMs + (trait.endsWith('away') ? 30_000 : spellMs(trait, true, chance))
  }

  /** @returns true if the device came within reach since the last call */
  update(nowMs: number): boolean {
    const before = this.up
    while (nowMs >= this.untilMs) {
      this.up = !this.up
      this.untilMs += spellMs(this.trait, this.up, this.chance)
    }
    return this.up && !before
  }

  isUp(nowMs: number): boolean {
    this.update(nowMs)
    return this.up
  }

  get changesAtMs(): number {
    return this.untilMs
  }
}
