import { createHash } from 'node:crypto'
import {
  createDevice,
  createMemoryStore,
  StorageFullError,
  type Clock,
  type Device,
  type MemoryImage,
  type MemoryStore,
  type Storage,
} from '#lib/client/index.ts'
import type { Collection, Write } from '#lib/client/ports.ts'
import type { Dice } from './dice.ts'
import { createNetwork, type Door } from './network.ts'
import type { DeviceWatch } from './oracle/device-watch.ts'
import type { World } from './world.ts'

type Life = { isAlive: boolean; device: Device | null; network: ReturnType<typeof createNetwork> }

const never = <T>(): Promise<T> => new Promise(() => {})

export type SimDeviceOptions = {
  name: string
  deviceId: string
  schemaVersion: number
  clock: { offsetMs: number; grainMs: number }
  image?: MemoryImage
}

/** A device from outside: its store outlives its crashes; its life ends with each, and another begins. */
export class SimDevice {
  readonly name: string
  readonly id: string
  readonly store: MemoryStore
  readonly watch: DeviceWatch
  readonly options: SimDeviceOptions
  readonly dice: Dice
  /** For what came later, so that what was there before stays as it is. */
  readonly fieldDice: Dice
  readonly registerDice: Dice
  readonly moveDice: Dice
  readonly schemaDice: Dice
  readonly sagaDice: Dice
  /** Set by whoever uses the app: called at the start of each life. */
  onLife: (device: Device) => void = () => {}
  #life: Life | null = null
  readonly #world: World
  readonly #servers: () => readonly Door[]
  isGone = false

  constructor(world: World, servers: () => readonly Door[], options: SimDeviceOptions) {
    this.#world = world
    this.#servers = servers
    this.options = options
    this.name = options.name
    this.id = options.deviceId
    this.dice = world.dice.fork(`device ${options.name}`)
    this.fieldDice = world.dice.fork(`fields ${options.name}`)
    this.registerDice = world.dice.fork(`registers of ${options.name}`)
    this.moveDice = world.dice.fork(`moves ${options.name}`)
    this.schemaDice = world.dice.fork(`schemas ${options.name}`)
    this.sagaDice = world.dice.fork(`sagas of ${options.name}`)
    this.store = createMemoryStore(options.image)
    this.watch = world.oracle.device(options.name)
    world.appVersions.set(this.id, options.schemaVersion)
    if (options.image) {
      world.twins.add(this.id)
      this.watch.inherit(writesOf(options.image))
    }
  }

  /** The library's device of this life; null between lives. */
  get device(): Device | null {
    return this.#life?.isAlive ? this.#life.device : null
  }

  get network(): Life['network'] | null {
    return this.#life?.network ?? null
  }

  /** What the device's own clock says. */
  nowMs(): number {
    const { offsetMs, grainMs } = this.options.clock
    return Math.floor((this.#world.now() + offsetMs) / grainMs) * grainMs
  }

  /** Opens the store and lets the app run. A device without room for its first write opens later. */
  begin(): void {
    this.#open().catch((error: unknown) => {
      if (!(error instanceof StorageFullError)) throw error
      this.crash()
    })
  }

  async #open(): Promise<void> {
    const life: Life = { isAlive: true, device: null, network: this.#network(() => life.isAlive) }
    this.#life = life
    this.#world.trace.add(this.name, 'begins')
    const { plan } = this.#world
    const device = await createDevice({
      storage: this.#storage(life),
      transport: life.network,
      clock: this.#clock(life),
      random: this.dice,
      sha256Hex: (text) => createHash('sha256').update(text).digest('hex'),
      deviceId: this.id,
      policy: {
        ...{ pullLimit: plan.pullLimit, schemaVersion: this.options.schemaVersion },
        // A device keeps what was answered for less long than the server keeps its answers.
        ...((plan.rates.forgotten_answers ?? 0) > 0 && {
          journal: { maxAgeMs: 0.7 * plan.keepMs, maxBytes: Infinity },
        }),
      },
      schedule: { intervalMs: 20_000 },
    })
    life.device = device
    this.onLife(device)
  }

  /** Ends this life at once; another begins after a while. */
  crash(): void {
    if (!this.#life?.isAlive) return
    this.#life.isAlive = false
    this.#world.trace.add(this.name, 'crashes')
    this.#world.scheduler.after(this.dice.between(100, 15_000), () => {
      if (!this.isGone) this.begin()
    })
  }

  /** Ends for good: another store takes its place. */
  end(): void {
    this.isGone = true
    if (this.#life) this.#life.isAlive = false
  }

  #network(isAlive: () => boolean): Life['network'] {
    return createNetwork(this.#world, {
      ...{ name: this.name, dice: this.dice, servers: this.#servers, isAlive },
    })
  }

  #clock(life: Life): Clock {
    return {
      nowMs: () => this.nowMs(),
      schedule: (delayMs, callback) => this.#world.scheduler.after(delayMs, () => life.isAlive && callback()),
    }
  }

  #storage(life: Life): Storage {
    const { store, dice } = this
    return {
      get: (collection, keys) => (life.isAlive ? store.get(collection, keys) : never()),
      scan: (collection, scan) => (life.isAlive ? store.scan(collection, scan) : never()),
      sizeBytes: () => (life.isAlive ? store.sizeBytes() : never()),
      write: async (writes) => {
        if (!life.isAlive) return never()
        await this.#world.scheduler.sleep(dice.between(0, 2))
        if (!life.isAlive) return never()
        if (this.#world.happens('device_disk_full', 0.01, dice)) throw new StorageFullError('no room left')
        const crashes = this.#world.happens('device_crash', 0.01, dice)
        const isLost = crashes && dice.chance(0.5)
        if (!isLost) {
          await store.write(writes)
          this.#world.trace.add(
            this.name,
            `stores ${writes.length}: ${writes[0]?.collection} ${writes[0]?.key.slice(0, 30)}`,
          )
          this.#world.wrote(this.watch, writes)
        }
        if (!crashes) return
        this.crash()
        return never()
      },
    }
  }
}

function writesOf(image: MemoryImage): Write[] {
  return (Object.entries(image) as [Collection, ReadonlyMap<string, string>][]).flatMap(
    ([collection, values]) =>
      [...values].map(([key, text]): Write => ({
        kind: 'put',
        collection,
        key,
        value: JSON.parse(text) as unknown,
      })),
  )
}
