import { join } from 'node:path'

/**
 * Arguments that tie a Node process to the one that spawns it, over the `ipc` channel that `spawn` must be told to
 * open: when the parent is gone, however it went, the child goes, too. A server that outlived its parent would
 * hold the port and the database against the next start.
 */
export const lifeline = ['--import', join(import.meta.dirname, 'lifeline.mjs')]
