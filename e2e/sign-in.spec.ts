import { accounts } from './accounts.ts'
import { expect, findAccessibilityFaults, signIn, test } from './test.ts'

test('a stranger is asked to sign in, and nothing is shown before', async ({ page }) => {
  await page.goto('/devices')
  await expect(page).toHaveURL(/sign-in/)
  expect(await findAccessibilityFaults(page)).toEqual([])
})

test('a wrong password is refused, the right one opens the board', async ({ page }) => {
  await page.goto('/sign-in')
  await page.getByLabel('E-mail').fill(accounts.admin.email)
  await page.getByLabel('Password').fill('not this one at all')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await expect(page.getByText('E-mail or password is wrong')).toBeVisible()

  await signIn(page, 'admin')
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
})
