// Loaded into each child before its own code. The channel to the parent closes when the parent is gone, however
// it went; a server that outlived it would hold the port and the database against the next start.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
process.channel?.unref()
