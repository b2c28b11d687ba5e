import { runScript } from './bootstrap.mjs'

process.argv.push('--dev')
await runScript('start/main.ts')
