'use client'

import { Icon } from '#components/ui/icon.tsx'
import { MenuItem } from '#components/ui/menu.tsx'
import { signOutHere } from './sign-out.ts'

export function SignOutItem() {
  return (
    <MenuItem onClick={() => void signOutHere()}>
      <Icon name="sign-out" className="text-faint" /> Sign out
    </MenuItem>
  )
}
