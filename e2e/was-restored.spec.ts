import { showLostHistory } from './field.ts'
import { expect, findAccessibilityFaults, test } from './test.ts'

// Last of the specs by its name: from then on the server takes itself for one that was put back from a backup.

test('Health says that the server was restored, what is gone, and what comes back by itself', async ({
  signedIn,
  baseURL,
}) => {
  const page = await signedIn('viewer')
  await page.goto('/')
  await expect(page.getByText('This server was restored from a backup')).toHaveCount(0)
  await showLostHistory(baseURL!)
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize(
      colorScheme === 'light' ? { width: 1440, height: 900 } : { width: 390, height: 844 },
    )
    await page.goto('/')
    await expect(page.getByText('This server was restored from a backup')).toBeVisible()
    await expect(page.getByText('What people did here since the backup is gone')).toBeVisible()
    expect(await findAccessibilityFaults(page)).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0)
  }
  await page.getByRole('link', { name: 'See the audit' }).click()
  await expect(page.getByRole('row').filter({ hasText: 'server: restored' })).toHaveCount(1)
})
