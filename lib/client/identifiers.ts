import { v4, v7 } from 'uuid'
import type { Clock, Random } from './ports.ts'

/** A UUID that sorts by time of making (version 7): operations and records made offline. */
export function timeOrderedId(clock: Clock, random: Random): string {
  return v7({ msecs: Math.max(0, clock.nowMs()), random: random.bytes(16) })
}

/** A UUID without a trace of time (version 4): devices, incarnations, syncs. */
export function randomId(random: Random): string {
  return v4({ random: random.bytes(16) })
}

/** A device's token: 256 random bits, behind what people and scanners know it by. */
export function newDeviceToken(random: Random): string {
  return `hf_dev_${toHex(random.bytes(32))}`
}

/** A new trace that starts here, as W3C Trace Context writes it; the server continues it. */
export function newTraceparent(random: Random): string {
  return `00-${toHex(random.bytes(16))}-${toHex(random.bytes(8))}-01`
}

/** Uniform in [0, 1), with 32 bits. */
export function randomUnit(random: Random): number {
  return random.bytes(4).reduce((value, byte) => value * 256 + byte, 0) / 2 ** 32
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
