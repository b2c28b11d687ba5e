'use client'

import './globals.css'
import { Failure } from '#components/shell/failure.tsx'

/** When even the shell failed: the same words, without it. */
export default function GlobalError({ error, retry }: { error: unknown; retry: () => void }) {
  return (
    <html lang="en">
      <body>
        <title>Not available · Holdfast</title>
        <main>
          <h1 className="sr-only">Holdfast</h1>
          <Failure error={error} retry={retry} />
        </main>
      </body>
    </html>
  )
}
