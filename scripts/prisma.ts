import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { prismaCli, prismaEnvironment } from './prisma/cli.ts'

// `npm run prisma -- migrate dev --name …`: Prisma's own command line on the engine that npm carries.
const child = spawn(process.execPath, [prismaCli, ...process.argv.slice(2)], {
  env: prismaEnvironment(),
  stdio: 'inherit',
})
const [code] = await once(child, 'exit')
process.exitCode = typeof code === 'number' ? code : 1
