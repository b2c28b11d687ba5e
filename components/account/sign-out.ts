import { signOut } from 'next-auth/react'

/** Ends the session of this browser and shows the sign-in. */
export async function signOutHere(): Promise<void> {
  await signOut({ callbackUrl: '/sign-in' })
}
