import { spawnSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')

/** [folder, what a file there imports] */
const climbing: [string, string][] = [
  ['lib/core', '#lib/protocol/errors.ts'],
  ['lib/core', '../server/db.ts'],
  ['lib/core', 'node:fs'],
  ['lib/core', 'zod'],
  ['lib/protocol', '#lib/server/db.ts'],
  ['lib/client', '#lib/server/actor.ts'],
  ['lib/client', 'node:crypto'],
  ['lib/server/devices', '../generated/prisma/client.ts'],
  ['lib/server/devices', '../conflicts/store.ts'],
  ['lib/server/devices', '#components/ui/button.tsx'],
  ['components/ui', '#lib/server/actor.ts'],
  ['app/devices', '#lib/server/devices/store.ts'],
  ['app/devices', '#lib/server/db.ts'],
]
const level: [string, string][] = [
  ['lib/core', './merge.ts'],
  ['lib/protocol', '#lib/core/json.ts'],
  ['lib/client', '#lib/protocol/sync.ts'],
  ['lib/server/devices', './store.ts'],
  ['lib/server/devices', '../conflicts/resolve.ts'],
  ['components/ui', '#lib/core/json.ts'],
  ['app/devices', '#lib/server/devices/list.ts'],
]

const fileOf = ([folder]: [string, string], index: number, kind: string) => `${folder}/${kind}-${index}.ts`
let house = ''
let findings = ''

/** A house where every room holds one import, under our own rules. */
beforeAll(async () => {
  house = await mkdtemp(join(tmpdir(), 'holdfast-floors-'))
  await cp(join(root, 'oxlint.config.ts'), join(house, 'oxlint.config.ts'))
  await symlink(join(root, 'node_modules'), join(house, 'node_modules'))
  for (const [kind, cases] of Object.entries({ climbing, level })) {
    for (const [index, row] of cases.entries()) {
      await mkdir(join(house, row[0]), { recursive: true })
      const text = `import { thing } from '${row[1]}'\n\nexport const used = thing\n`
      await writeFile(join(house, fileOf(row, index, kind)), text)
    }
  }
  const oxlint = join(root, 'node_modules/.bin/oxlint')
  findings = spawnSync(oxlint, ['--format=unix', 'app', 'components', 'lib'], {
    cwd: house,
    encoding: 'utf8',
    timeout: 20_000,
  }).stdout
}, 30_000)
afterAll(() => rm(house, { recursive: true, force: true }))

test.each(climbing.map((row, index) => ({ row, file: fileOf(row, index, 'climbing') })))(
  'refused: $row',
  ({ file }) => {
    const found = findings.split('\n').filter((line) => line.startsWith(file))
    expect(found).toEqual([expect.stringContaining('no-restricted-imports')])
  },
)

test.each(level.map((row, index) => ({ row, file: fileOf(row, index, 'level') })))(
  'allowed: $row',
  ({ file }) => {
    expect(findings.split('\n').filter((line) => line.startsWith(file))).toEqual([])
  },
)
