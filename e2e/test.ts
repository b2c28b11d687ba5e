import { AxeBuilder } from '@axe-core/playwright'
import { test as base, expect, type APIRequestContext, type Page } from '@playwright/test'
import { accounts, keys, type Role } from './accounts.ts'

type Fixtures = {
  /** Opens a page of its own, signed in with this role. */
  signedIn: (role: Role) => Promise<Page>
  /** The console API with the admin's key: for setting things up. */
  api: APIRequestContext
}

/** Playwright's `test`, knowing who may sign in. */
export const test = base.extend<Fixtures>({
  api: async ({ playwright, baseURL }, use) => {
    const extraHTTPHeaders = { authorization: `Bearer ${keys.api}` }
    const api = await playwright.request.newContext({ baseURL: baseURL ?? '', extraHTTPHeaders })
    await use(api)
    await api.dispose()
  },
  signedIn: async ({ browser, api, baseURL }, use) => {
    const pages: Page[] = []
    await use(async (role) => {
      if (role !== 'admin') await ensureUser(api, role)
      const context = await browser.newContext({ baseURL: baseURL ?? '' })
      const page = await context.newPage()
      pages.push(page)
      await signIn(page, role)
      return page
    })
    await Promise.all(pages.map((page) => page.context().close()))
  },
})

export { expect }

/** Signs in through the form, as a person does. */
export async function signIn(page: Page, role: Role): Promise<void> {
  await page.goto('/sign-in')
  await page.getByLabel('E-mail').fill(accounts[role].email)
  await page.getByLabel('Password').fill(accounts[role].password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await expect(page).not.toHaveURL(/sign-in/)
}

/** What axe has to say against a page once it is there, WCAG 2.2 AA. An empty list is a pass. */
export async function findAccessibilityFaults(page: Page): Promise<string[]> {
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  await expect(page.locator('[aria-busy="true"]')).toHaveCount(0)
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
  const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze()
  return violations.map(
    ({ id, help, nodes }) => `${id}: ${help} (${nodes.map(({ target }) => target).join(', ')})`,
  )
}

async function ensureUser(api: APIRequestContext, role: Role): Promise<void> {
  const data = { ...accounts[role], name: role, role }
  const reply = await api.post('/api/v1/users', { data })
  // The second test that wants this user finds them there.
  if (!reply.ok() && reply.status() !== 409)
    throw new Error(`No ${role}: ${reply.status()} ${await reply.text()}`)
}
