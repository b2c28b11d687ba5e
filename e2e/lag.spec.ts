import { randomUUID } from 'node:crypto'
import { enrolDevice, putTable } from './field.ts'
import { expect, signIn, test } from './test.ts'

test('a device falls behind, is seen, and recovers while we watch', async ({ page, api, baseURL }) => {
  await putTable(api, 'readings', { strategy: 'lww' })
  const scope = `site-${randomUUID().slice(0, 6)}`
  const device = await enrolDevice(baseURL!, 'Tablet 12', scope)
  await device.sync()
  await signIn(page, 'admin')

  // A day of work without a network; it comes back for one request, then is gone again.
  for (let i = 0; i < 320; i++) await device.put({ table: 'readings', scope, data: { i } })
  device.cutAfter(1)
  expect((await device.sync()).outcome).toBe('failed')

  await page.goto(`/devices?q=${encodeURIComponent(device.name)}`)
  const row = page.getByRole('row').filter({ hasText: device.name })
  await expect(row.getByText('Warning')).toBeVisible()
  await row.getByRole('link', { name: device.name }).click()
  await expect(page.getByRole('heading', { level: 1 })).toContainText(device.name)
  await expect(page.getByText(/220|changes wait/).first()).toBeVisible()

  device.cutAfter(null)
  expect((await device.sync()).outcome).toBe('complete')
  // No reload: the page hears of it.
  await expect(page.getByText('Healthy').first()).toBeVisible({ timeout: 20_000 })
})
