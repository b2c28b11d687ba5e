'use client'

import { Toast as Base } from '@base-ui/react/toast'
import type { ReactNode } from 'react'
import { Icon } from './icon.tsx'

const manager = Base.createToastManager()

/** For what may be missed: "Copied". Anything that matters is said on the page. */
export function toast(title: string): void {
  manager.add({ title, timeout: 3000 })
}

export function ToastProvider({ children }: { children: ReactNode }) {
  return (
    <Base.Provider toastManager={manager} limit={3}>
      {children}
      <Base.Portal>
        <Base.Viewport className="fixed right-4 bottom-4 z-50 flex w-64 flex-col-reverse gap-2 phone:bottom-18">
          <ToastList />
        </Base.Viewport>
      </Base.Portal>
    </Base.Provider>
  )
}

function ToastList() {
  const { toasts } = Base.useToastManager()
  return toasts.map((item) => (
    <Base.Root key={item.id} toast={item} className="popup px-3 py-2 text-13">
      <Base.Content className="flex items-center gap-2">
        <Icon name="check" className="shrink-0 text-ok" />
        <Base.Title className="flex-1 font-medium" />
        <Base.Close aria-label="Dismiss" className="rounded-sm p-0.5 text-faint hover:text-ink">
          <Icon name="close" width={14} height={14} />
        </Base.Close>
      </Base.Content>
    </Base.Root>
  ))
}
