import { makeConflict } from './field.ts'
import { expect, findAccessibilityFaults, signIn, test } from './test.ts'

test('a conflict of two devices is settled by keyboard and reaches both', async ({ page, api, baseURL }) => {
  const { first, second, ref } = await makeConflict(baseURL!, api)
  expect((await second.get(ref))?.syncStatus).toBe('conflict')
  await signIn(page, 'admin')
  await page.goto(`/conflicts?scope=${ref.scope}`)
  await expect(page.getByRole('row').filter({ hasText: 'pumps' })).toHaveCount(1)
  expect(await findAccessibilityFaults(page)).toEqual([])

  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/\/conflicts\/[0-9a-f-]{36}/)
  await expect(page.getByText('1 of 2 changed fields to decide')).toBeVisible()
  expect(await findAccessibilityFaults(page)).toEqual([])

  await page.keyboard.press('1')
  await page.keyboard.press('r')
  await page.keyboard.type('The customer called back')
  await page.keyboard.press('Enter')
  await expect(page.getByText('Resolved by')).toBeVisible()

  const settled = { name: 'Pump 7', phone: '333', note: 'leaks' }
  for (const device of [first, second]) {
    await device.sync()
    expect(await device.get(ref)).toMatchObject({ data: settled, syncStatus: 'synced' })
  }
  await page.goto('/audit')
  await expect(page.getByText('The customer called back').first()).toBeVisible()
})

test('someone was faster: picks are kept, the fresh value is shown, nothing is written twice', async ({
  page,
  api,
  baseURL,
}) => {
  const { first, ref } = await makeConflict(baseURL!, api)
  await signIn(page, 'admin')
  await page.goto(`/conflicts?scope=${ref.scope}`)
  await page.getByRole('row').filter({ hasText: 'pumps' }).getByRole('link').first().click()
  await expect(page.getByText('1 of 2 changed fields to decide')).toBeVisible()
  await page.keyboard.press('1')

  await first.put({ ...ref, data: { name: 'Pump 7', phone: '444', note: 'ok' } })
  await first.sync()
  await page.keyboard.press('r')
  await page.keyboard.press('Enter')
  await expect(
    page.getByText(/Someone else was faster|The record changed while you were deciding/).first(),
  ).toBeVisible()
  await expect(page.getByText('444').first()).toBeVisible()
  const take = page.getByRole('button', { name: /Take theirs for phone/ })
  await expect(take).toHaveAttribute('aria-pressed', 'true')

  await page.getByRole('button', { name: /^Resolve with/ }).click()
  await expect(page.getByText('Resolved by')).toBeVisible()
})

test('a viewer sees why they may not resolve', async ({ signedIn, api, baseURL }) => {
  const { ref } = await makeConflict(baseURL!, api)
  const page = await signedIn('viewer')
  await page.goto(`/conflicts?scope=${ref.scope}`)
  await page.getByRole('row').filter({ hasText: 'pumps' }).getByRole('link').first().click()
  await expect(page.getByText(/needs the role admin; you are signed in as viewer/)).toBeVisible()
  await expect(page.getByRole('button', { name: /^Resolve with/ })).toHaveCount(0)
  const id = new URL(page.url()).pathname.split('/').at(-1)!
  const status = await page.evaluate(
    async (path) =>
      (
        await fetch(path, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'if-match': '"1"' },
          body: JSON.stringify({ choice: 'server', reason: 'x' }),
        })
      ).status,
    `/api/v1/conflicts/${id}/resolve`,
  )
  expect(status).toBe(403)
})
