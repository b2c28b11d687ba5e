import { generateClient } from './prisma/generate.ts'
import { ensureBuild } from './start/build.ts'

// `npm run build`: what `npm start` would build, ahead of time.

await generateClient()
const isNew = await ensureBuild('.next')
console.log(isNew ? 'Built.' : 'Nothing to do: the sources have not changed.')
