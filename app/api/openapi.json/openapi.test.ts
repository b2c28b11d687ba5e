import { glob } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { expect, test } from 'vitest'
import type { Route } from '#lib/server/http/door.ts'
import { openApiDocument, operations } from '#lib/server/openapi/document.ts'

const appDir = join(import.meta.dirname, '../..')
/** Catch-all folders hold names with slashes, and the history of a record. */
const named: Record<string, string[]> = {
  '/api/v1/records/[...path]': ['/api/v1/records/{table}/{id}', '/api/v1/records/{table}/{id}/history'],
  '/api/v1/tables/[...name]': ['/api/v1/tables/{name}'],
}

test('every verb of every address is described, with the role its door asks for, and nothing else', async () => {
  const files = await Array.fromAsync(glob('api/v1/**/route.ts', { cwd: appDir }))
  const doors: string[] = []
  for (const file of files) {
    const folder = `/${file.replace(/\/route\.ts$/, '')}`
    const route = (await import(join(appDir, file))) as Record<string, Route>
    for (const address of named[folder] ?? [folder.replace(/\[(\w+)\]/g, '{$1}')]) {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
        if (address.endsWith('/history') && method !== 'GET') continue
        const door = route[method]?.door
        if (!door || door.kind === 'closed') continue
        const who = door.kind === 'console' ? door.role : door.kind === 'open' ? 'anybody' : 'device'
        doors.push(`${method} ${address} ${who}`)
      }
    }
  }
  const described = operations.map(({ method, path, who }) => `${method} ${path} ${who}`)
  expect(described.toSorted()).toEqual(doors.toSorted())
})

test('its schemas are JSON Schema 2020-12, and every reference leads somewhere', () => {
  const document = openApiDocument('1.0.0')
  const text = JSON.stringify(document)
  const { schemas } = document['components'] as { schemas: Record<string, object> }
  const references = new Set(
    [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name),
  )
  expect([...references].filter((name) => !name || !(name in schemas))).toEqual([])
  expect(text).not.toContain('#/$defs')
  expect([...references]).toEqual(
    expect.arrayContaining(['Conflict', 'DeadLetter', 'Record', 'Table', 'Problem']),
  )

  const ajv = addFormats(new Ajv2020({ strict: false }))
  ajv.addSchema(document, 'openapi')
  for (const name of Object.keys(schemas)) {
    expect(() => ajv.compile({ $ref: `openapi#/components/schemas/${name}` })).not.toThrow()
  }
  const conflict = ajv.compile({ $ref: 'openapi#/components/schemas/Conflict' })
  expect(conflict({ id: 'no' })).toBe(false)
})
