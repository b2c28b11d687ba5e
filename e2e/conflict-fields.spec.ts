import { crdtValue } from '#lib/client/index.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { makeFieldConflict, makeMoveConflict } from './field.ts'
import { expect, findAccessibilityFaults, signIn, test } from './test.ts'

const looks = [
  { colorScheme: 'light', viewport: { width: 1440, height: 900 } },
  { colorScheme: 'dark', viewport: { width: 390, height: 844 } },
] as const

test('what joins by itself stays beside what a person decides, and all of it reaches both devices', async ({
  page,
  api,
  baseURL,
}) => {
  const { first, second, ref } = await makeFieldConflict(baseURL!, api)
  await signIn(page, 'admin')
  await page.goto(`/conflicts?scope=${ref.scope}`)
  await page.getByRole('row').filter({ hasText: 'assets' }).getByRole('link').first().click()
  await expect(page.getByText('1 of 7 changed fields to decide')).toBeVisible()
  const fields = page.getByRole('table', { name: 'Fields in conflict' })
  // What waits for a person comes first, what nobody decides last.
  await expect(fields.getByRole('rowheader').first()).toContainText('owner')
  await expect(fields.getByText('Joined by themselves.')).toBeVisible()
  await expect(fields.getByRole('button', { name: /Take both, merged, for remarks/ })).toContainText(
    'Seen twice. The door sticks. Oil needed.',
  )
  await expect(fields.getByText('[ "inspected", "photographed", "urgent" ]')).toBeVisible()
  await expect(fields.getByRole('button', { name: /for tags/ })).toHaveCount(0)
  for (const { colorScheme, viewport } of looks) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize(viewport)
    expect(await findAccessibilityFaults(page)).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0)
  }
  await page.setViewportSize(looks[0].viewport)

  await page.keyboard.press('1')
  await page.keyboard.press('r')
  await page.keyboard.press('Enter')
  await expect(page.getByText('Resolved by')).toBeVisible()
  for (const device of [first, second]) {
    await device.sync()
    const record = await device.get(ref)
    expect(record).toMatchObject({
      syncStatus: 'synced',
      data: { owner: 'Central', phone: '222', remarks: 'Seen twice. The door sticks. Oil needed.' },
    })
    expect(crdtValue(record?.data['visits'] as JsonObject)).toBe(2)
    expect(crdtValue(record?.data['tags'] as JsonObject)).toEqual(['inspected', 'photographed', 'urgent'])
  }
  // A device confirms what it was given with its next sync; the page says so by itself.
  await expect(page.getByText('0 of 2 devices of the scope confirmed it.')).toBeVisible()
  await first.sync()
  await second.sync()
  await expect(page.getByText('All 2 devices of the scope confirmed it.')).toBeVisible()
})

test('a conflict over a move says where the record goes, and a key leaves it where it is', async ({
  page,
  api,
  baseURL,
}) => {
  const { mover, ref, there } = await makeMoveConflict(baseURL!, api)
  await signIn(page, 'admin')
  await page.goto(`/conflicts?scope=${ref.scope}`)
  await page.getByRole('row').filter({ hasText: 'poles' }).getByRole('link').first().click()
  const box = page.getByRole('checkbox', { name: `Move the record to scope ${there}, as theirs did` })
  await expect(box).toBeChecked()
  await expect(page.getByText(`The record goes from scope ${ref.scope} to ${there}.`)).toBeVisible()
  expect(await findAccessibilityFaults(page)).toEqual([])
  await page.keyboard.press('m')
  await expect(box).not.toBeChecked()
  await expect(page.getByText(`The record stays in scope ${ref.scope}.`)).toBeVisible()
  await page.getByText(`Move the record to scope ${there}, as theirs did`).click()
  await expect(box).toBeChecked()
  await page.keyboard.press('m')

  await page.keyboard.press('r')
  await page.keyboard.press('Enter')
  await expect(page.getByText('Resolved by')).toBeVisible()
  await mover.sync()
  expect(await mover.get(ref)).toMatchObject({ data: { name: 'Pole 9b', height: 14 }, syncStatus: 'synced' })
  expect(await mover.get({ ...ref, scope: there })).toBeUndefined()
})
