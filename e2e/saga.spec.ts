import { makeSagas } from './field.ts'
import { expect, findAccessibilityFaults, test } from './test.ts'

test('a saga that was undone shows what was undone, is mended, retried as a whole, and is complete', async ({
  signedIn,
  api,
  baseURL,
}) => {
  const { till, compensated } = await makeSagas(baseURL!, api)
  const page = await signedIn('operator')
  await page.goto(`/sagas?state=compensated&device_id=${till.id}`)
  await expect(page.getByRole('row').filter({ hasText: 'breaks a rule' })).toBeVisible()
  await page.getByRole('row').filter({ hasText: 'orders, stock' }).getByRole('link').first().click()
  await expect(page).toHaveURL(new RegExp(compensated))

  const steps = page.getByRole('list', { name: 'Steps' })
  await expect(steps.getByRole('listitem').nth(0)).toContainText('Undone: the record is as it was before')
  await expect(steps.getByRole('listitem').nth(1)).toContainText('Breaks a rule')
  await expect(steps.getByRole('listitem').nth(2)).toContainText('Aborted')
  await expect(steps.getByRole('link', { name: 'Dead letter' })).toHaveCount(2)

  expect(await findAccessibilityFaults(page)).toEqual([])

  await page.getByRole('button', { name: 'Retry 3 steps…' }).click()
  const act = page.getByRole('button', { name: 'Retry 3 steps', exact: true })
  await expect(act).toBeDisabled()
  await page.getByLabel('Reason, for the audit').fill('The count was a typing error')
  const editor = page.getByLabel(/Data of step 2/)
  await editor.fill('{')
  await expect(page.getByText('This is no JSON object.')).toBeVisible()
  await editor.fill('{ "item": "valve", "left": 1 }')
  await act.click()
  await expect(page.getByText('All 3 steps were applied')).toBeVisible()
  await expect(page.getByText('Retry of')).toBeVisible()

  await page.goto(`/sagas/${compensated}`)
  await expect(page.getByText(/It was retried already/)).toBeVisible()
  await expect(page.getByRole('link', { name: 'Open what it went on as' })).toBeVisible()
  await expect(page.getByRole('button', { name: /Retry/ })).toHaveCount(0)
})

test('a stuck saga leads to its conflict, and has ended once a person settled it', async ({
  signedIn,
  api,
  baseURL,
}) => {
  const { stuck } = await makeSagas(baseURL!, api)
  const page = await signedIn('admin')
  await page.goto('/')
  await expect(page.getByRole('link', { name: /stuck saga/ })).toBeVisible()
  await page.goto(`/sagas/${stuck}`)
  await expect(page.getByText('1 step waits for a person')).toBeVisible()
  await page.getByRole('main').getByRole('link', { name: 'Resolve the conflict' }).first().click()
  await expect(page.getByRole('link', { name: /saga/i }).filter({ hasText: 'step 1' })).toBeVisible()
  await page.keyboard.press('1')
  await page.getByRole('button', { name: /^Resolve/ }).click()
  await expect(page.getByText(/Resolved by/)).toBeVisible()
  await page.goto(`/sagas/${stuck}`)
  await expect(page.getByText('A person decided what the record is')).toBeVisible()
})

test('a running saga is called off; the page says so without being asked', async ({
  signedIn,
  api,
  baseURL,
}) => {
  const { running } = await makeSagas(baseURL!, api)
  const [page, other] = [await signedIn('operator'), await signedIn('viewer')]
  await other.goto(`/sagas/${running}`)
  await expect(other.getByText(/needs the role operator; you are signed in as viewer/)).toBeVisible()
  await page.goto(`/sagas/${running}`)
  await expect(page.getByText('Step 2 of 3 is awaited')).toBeVisible()
  await page.getByRole('button', { name: 'Call off…' }).click()
  await page.getByLabel('Reason, for the audit').fill('The customer left')
  await page.getByRole('button', { name: 'Call off and undo' }).click()
  for (const each of [page, other]) {
    await expect(each.getByText('Everything it had done was undone')).toBeVisible({ timeout: 15_000 })
    await expect(each.getByText('“The customer left”')).toBeVisible()
  }
})
