'use client'

import { useState } from 'react'
import { Icon } from '#components/ui/icon.tsx'
import { MenuRadio } from '#components/ui/menu.tsx'
import { remember } from './remember.ts'
import { themeCookie, themes, type Theme } from './theme.ts'

const words: Record<Theme, string> = { system: 'As the system', light: 'Light', dark: 'Dark' }

export function ThemeChoice({ theme }: { theme: Theme }) {
  const [chosen, setChosen] = useState(theme)
  const choose = (next: Theme) => {
    setChosen(next)
    remember(themeCookie, next)
    if (next === 'system') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = next
  }
  return (
    <MenuRadio
      label="Colours"
      value={chosen}
      onChange={choose}
      options={themes.map((each) => ({
        value: each,
        label: (
          <>
            <Icon name={each} className="text-faint" /> {words[each]}
          </>
        ),
      }))}
    />
  )
}
