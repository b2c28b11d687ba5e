import { expect, test } from 'vitest'
import { createBench } from './testing/bench.ts'

const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

test('what a restored server lost goes again without being read anew for every request', async () => {
  const bench = createBench()
  bench.server.chunkChanges = 10
  let read = 0
  const { device } = await bench.device({
    through: (store) => ({
      ...store,
      get: (collection, keys) => {
        if (collection === 'operations') read += keys.length
        return store.get(collection, keys)
      },
    }),
  })
  await device.put({ table: 't', id: id(0), data: { n: 0 } })
  await device.sync()
  const backup = bench.server.backup()
  for (let n = 1; n <= 200; n++) await device.put({ table: 't', id: id(n), data: { n } })
  await device.sync()
  bench.server.restore(backup)
  await device.put({ table: 't', id: id(201), data: { n: 201 } })
  read = 0
  expect(await device.sync()).toMatchObject({ outcome: 'complete' })
  expect(bench.server.rows.size).toBe(202)
  // A few times each, whatever the number of requests that they take.
  expect(read).toBeGreaterThan(200)
  expect(read).toBeLessThan(200 * 15)
})
