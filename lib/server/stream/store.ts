import { database } from '../db.ts'

/** One channel for everything: a process has one listening connection. */
export const channel = 'holdfast_changes'

export async function sendNotification(payload: string): Promise<void> {
  await database().$executeRaw`SELECT pg_notify(${channel}, ${payload})`
}
