'use client'

import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Field, TextArea } from '#components/ui/field.tsx'
import type { Json } from '#lib/core/json.ts'

type ValueEditorProps = {
  name: string
  value: Json | undefined
  onSave: (value: Json | undefined) => void
  onCancel: () => void
}

/** A value as JSON text: what is typed must be JSON, and emptiness removes the field. */
export function ValueEditor({ name, value, onSave, onCancel }: ValueEditorProps) {
  const [text, setText] = useState(value === undefined ? '' : JSON.stringify(value, null, 2))
  const [error, setError] = useState<string>()
  const save = () => {
    if (text.trim() === '') return onSave(undefined)
    try {
      onSave(JSON.parse(text) as Json)
    } catch {
      setError('This is not JSON. Put text in double quotes: "like this".')
    }
  }
  return (
    <form
      className="flex flex-col gap-2"
      onSubmit={(event) => {
        event.preventDefault()
        save()
      }}
    >
      <Field
        label={`Value of ${name}, as JSON`}
        hint="Empty removes the field. Shift-Enter for a new line."
        error={error}
      >
        {(control) => (
          <TextArea
            {...control}
            ref={focusOnArrival}
            onKeyDown={(event) => {
              if (event.key === 'Escape') onCancel()
              if (event.key === 'Enter' && !event.shiftKey) {
                event.preventDefault()
                save()
              }
            }}
            value={text}
            rows={Math.min(12, text.split('\n').length)}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </Field>
      <div className="flex gap-2">
        <Button kind="primary" type="submit">
          Use this value
        </Button>
        <Button kind="quiet" onClick={onCancel}>
          Cancel
        </Button>
      </div>
    </form>
  )
}

/** The editor opens because a person asked for it: the typing goes there. */
function focusOnArrival(element: HTMLTextAreaElement | null): void {
  element?.focus()
}
