import { z } from 'zod'
import { selectSetting } from './store.ts'

/** Name of the setting: seconds that a running saga may rest before it is undone. */
export const sagaTimeoutSetting = 'saga_timeout'
const defaultSeconds = 24 * 3_600

/** How long a running saga may wait for its next step. What is set and is no positive number is not obeyed. */
export async function sagaTimeoutMs(): Promise<number> {
  const set = z
    .number()
    .positive()
    .safeParse(await selectSetting(sagaTimeoutSetting))
  return (set.success ? set.data : defaultSeconds) * 1_000
}
