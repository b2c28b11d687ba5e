import { makeConflict, makeDeadLetter, makeSagas } from './field.ts'
import { expect, findAccessibilityFaults, test } from './test.ts'

const pages = [
  '/',
  '/devices',
  '/syncs',
  '/conflicts',
  '/dead-letters',
  '/sagas?state=all',
  '/records',
  '/tables',
  '/audit',
  '/account',
]

test('every page passes axe, light and dark, wide and on a phone, with data in it', async ({
  signedIn,
  api,
  baseURL,
}) => {
  test.setTimeout(240_000)
  const { device } = await makeDeadLetter(baseURL!, api)
  await makeConflict(baseURL!, api)
  const sagas = await makeSagas(baseURL!, api)
  const page = await signedIn('admin')
  const first = async (list: string) => {
    await page.goto(list)
    const link = page.locator(`main a[href^="${list.split('?')[0]}/"]`).first()
    return (await link.getAttribute('href')) ?? list
  }
  const details = [
    await first('/syncs'),
    await first('/conflicts'),
    await first('/dead-letters?view=list'),
    `/devices/${device.id}`,
    `/sagas/${sagas.compensated}`,
    `/sagas/${sagas.stuck}`,
  ]
  const faults: Record<string, string[]> = {}
  for (const path of [...pages, ...details, '/nowhere']) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize(
        colorScheme === 'light' ? { width: 1440, height: 900 } : { width: 390, height: 844 },
      )
      await page.goto(path)
      const found = await findAccessibilityFaults(page)
      if (found.length > 0) faults[`${path} ${colorScheme}`] = found
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
      if (overflow > 0) faults[`${path} ${colorScheme} scrolls sideways`] = [`${overflow} px`]
    }
  }
  expect(faults).toEqual({})
})

test('an address that nobody can have meant is told so, and is no fault of the server', async ({
  signedIn,
}) => {
  const page = await signedIn('admin')
  for (const path of [
    '/devices?platform=%00',
    '/records?scope=a%00',
    '/syncs?from=0000-01-01T00:00:00Z',
    '/audit?cursor=e30',
  ]) {
    await page.goto(path)
    await expect(page.getByText('This address is not one of this page')).toBeVisible()
  }
  for (const path of ['/tables/a%00b', '/tables/%ff', '/records/a%00/b']) {
    await page.goto(path)
    await expect(page.getByText('Nothing is here')).toBeVisible()
  }
})

test('no page writes to the console, and a hostile record is text', async ({ signedIn, api, baseURL }) => {
  const page = await signedIn('admin')
  const said: string[] = []
  page.on('console', (message) => message.type() === 'error' && said.push(message.text()))
  page.on('pageerror', (error) => said.push(error.message))
  await makeDeadLetter(baseURL!, api)
  for (const path of pages) await page.goto(path)
  expect(said).toEqual([])
})
