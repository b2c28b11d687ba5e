// Loaded into a child before its own code: see lifeline.ts.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
process.channel?.unref()
