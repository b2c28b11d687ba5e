import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'

// `npm run lockfile`, after packages were added from a registry that does not carry every platform: npm leaves
// out of the lockfile what it could not look up, and `npm ci` then refuses the lockfile everywhere. What a
// package is for is in its name (`binding-linux-arm64-musl`), and its version is pinned by its parent.

type Entry = { dev?: boolean; optionalDependencies?: Record<string, string> }

const operatingSystems = new Set(['linux', 'darwin', 'win32', 'freebsd', 'android', 'openharmony'])
const processors = new Set(['x64', 'arm64', 'arm', 'ia32', 'ppc64', 's390x', 'riscv64', 'wasm32'])
const libraries: Readonly<Record<string, string>> = { gnu: 'glibc', musl: 'musl' }

const file = resolve(import.meta.dirname, '../package-lock.json')
// Not through zod, which would reorder what npm wrote.
const lock = JSON.parse(await readFile(file, 'utf8')) as { packages: Record<string, Entry> }
const missing = new Map<string, object>()
for (const [path, { dev, optionalDependencies = {} }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (isLocked(path, name)) continue
    missing.set(`node_modules/${name}`, {
      version,
      ...platformOf(name),
      optional: true,
      ...(dev ? { dev } : {}),
    })
  }
}
const packages = Object.entries({ ...lock.packages, ...Object.fromEntries(missing) })
const sorted = Object.fromEntries(packages.toSorted(([a], [b]) => (a < b ? -1 : 1)))
await writeFile(file, `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`)
console.log(`${missing.size} packages for other platforms added.`)

/** Whether npm would find the package from there: in that folder's own node_modules, or one further out. */
function isLocked(from: string, name: string): boolean {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (`${folder ? `${folder}/` : ''}node_modules/${name}` in lock.packages) return true
    if (folder === '') return false
  }
}

function platformOf(name: string): { os?: string[]; cpu?: string[]; libc?: string[] } {
  const words = name.split(/[/-]/)
  const os = words.find((word) => operatingSystems.has(word))
  const cpu = words.find((word) => processors.has(word))
  const libc = os === 'linux' ? libraries[words.at(-1) ?? ''] : undefined
  if (!os && !cpu) throw new Error(`${name}: for which platform is it? Add it to the lockfile by hand.`)
  return { ...(os ? { os: [os] } : {}), ...(cpu ? { cpu: [cpu] } : {}), ...(libc ? { libc: [libc] } : {}) }
}
