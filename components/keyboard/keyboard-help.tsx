'use client'

import { useState } from 'react'
import { Dialog } from '#components/ui/dialog.tsx'
import { Kbd } from '#components/ui/kbd.tsx'
import { useShortcutList, useShortcuts } from './shortcuts.ts'

/** `?`: what the keys do on this very page. */
export function KeyboardHelp() {
  const [open, setOpen] = useState(false)
  useShortcuts([{ keys: '?', does: 'Show these shortcuts', group: 'Everywhere', run: () => setOpen(true) }])
  const shortcuts = useShortcutList()
  const groups = Map.groupBy(shortcuts, (each) => each.group)
  return (
    <Dialog open={open} onOpenChange={setOpen} title="Keyboard shortcuts">
      <div className="flex flex-col gap-5">
        {[...groups].toReversed().map(([group, list]) => (
          <section key={group}>
            <h3 className="mb-1 text-12 font-medium text-faint">{group}</h3>
            <dl>
              {list.map((each) => (
                <div
                  key={each.keys}
                  className="flex items-center justify-between border-b border-line py-1.5 last:border-0"
                >
                  <dt>{each.does}</dt>
                  <dd className="flex gap-1">
                    {each.keys.split(' ').map((key) => (
                      <Kbd key={key}>{key}</Kbd>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  )
}
