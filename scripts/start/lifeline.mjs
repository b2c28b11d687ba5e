// Loaded into a child before its own code: see lifeline.ts.
import { isMainThread } from 'node:worker_threads'

if (isMainThread && process.channel) {
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  process.channel.unref()
}

// What the child itself forks must not load this: its workers live by the very channel that is let go here.
const at = process.execArgv.findIndex((argument) => argument.endsWith('lifeline.mjs'))
if (at > 0) process.execArgv.splice(at - 1, 2)
