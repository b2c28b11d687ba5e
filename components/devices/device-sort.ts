import type { DeviceSort } from '#lib/protocol/devices.ts'

/** The order in which a person looks: the worst first. */
export const defaultDeviceSort: DeviceSort = 'state'
