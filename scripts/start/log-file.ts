import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Two files of this size are kept: the current one and the one before. */
const maxBytes = 10 * 1024 * 1024

/** How much of the end is kept in memory, to be shown when the process fails to start. */
const tailBytes = 4_096

export type LogFile = { write: (chunk: Buffer) => void; tail: () => string }

/** A log that does not grow without bound. A full disk costs log lines, not the server. */
export function openLog(file: string): LogFile {
  mkdirSync(dirname(file), { recursive: true })
  let size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  let recent = ''
  return {
    write: (chunk) => {
      recent = (recent + chunk.toString('utf8')).slice(-tailBytes)
      try {
        if (size > maxBytes) {
          renameSync(file, `${file}.1`)
          size = 0
        }
        appendFileSync(file, chunk, { mode: 0o600 })
        size += chunk.length
      } catch {
        size = 0
      }
    },
    tail: () => recent.trim().split('\n').slice(-15).join('\n'),
  }
}
