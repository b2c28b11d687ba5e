import { makeDeadLetter } from './field.ts'
import { expect, findAccessibilityFaults, signIn, test } from './test.ts'

test('a dead letter is edited, tried dry, replayed, and reaches the other device', async ({
  signedIn,
  api,
  baseURL,
}) => {
  const { device, other, ref } = await makeDeadLetter(baseURL!, api)
  const page = await signedIn('operator')
  await page.goto(`/dead-letters?view=list&device_id=${device.id}`)
  await page.getByRole('row').filter({ hasText: 'meters' }).getByRole('link').first().click()
  await expect(page.getByText(/is never negative/).first()).toBeVisible()
  expect(await findAccessibilityFaults(page)).toEqual([])

  const editor = page.getByLabel('Change, as JSON')
  await page.getByRole('button', { name: 'Dry run' }).click()
  await expect(page.getByText('The change would be refused again')).toBeVisible()

  await editor.fill((await editor.inputValue()).replace('-41', '41'))
  await page.getByRole('button', { name: 'Dry run' }).click()
  await expect(page.getByText('The change would be applied')).toBeVisible()
  await other.sync()
  expect(await other.get(ref)).toBeUndefined()

  await page.getByRole('button', { name: 'Replay the edited change' }).click()
  await expect(page.getByText(/replayed/i).first()).toBeVisible()
  await other.sync()
  expect(await other.get(ref)).toMatchObject({ data: { reading: 41, unit: 'm3' } })
})

test('a discarded dead letter says why, and can be restored', async ({ page, api, baseURL }) => {
  const { device } = await makeDeadLetter(baseURL!, api)
  await signIn(page, 'admin')
  await page.goto(`/dead-letters?view=list&device_id=${device.id}`)
  await page.getByRole('row').filter({ hasText: 'meters' }).getByRole('link').first().click()
  await page.getByRole('button', { name: 'Discard…' }).click()
  await page.getByLabel('Reason, for the audit').fill('A test reading')
  await page.getByRole('button', { name: 'Discard 1 change' }).click()
  await expect(page.getByText('“A test reading”')).toBeVisible()
  await page.getByRole('button', { name: /Restore/ }).click()
  await expect(page.getByRole('button', { name: 'Replay the change' })).toBeVisible()
})

test('a viewer sees why they may not replay', async ({ signedIn, api, baseURL }) => {
  const { device } = await makeDeadLetter(baseURL!, api)
  const page = await signedIn('viewer')
  await page.goto(`/dead-letters?view=list&device_id=${device.id}`)
  await page.getByRole('row').filter({ hasText: 'meters' }).getByRole('link').first().click()
  await expect(page.getByText(/needs the role operator; you are signed in as viewer/)).toBeVisible()
  await expect(page.getByRole('button', { name: /Replay/ })).toHaveCount(0)
})
