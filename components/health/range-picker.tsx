'use client'

import { parseAsStringLiteral, useQueryState } from 'nuqs'
import { useTransition } from 'react'
import { Segments } from '#components/list/segments.tsx'
import { healthRanges } from '#lib/protocol/health.ts'

const words = { '1h': '1 h', '6h': '6 h', '24h': '24 h', '7d': '7 d' }

export function RangePicker() {
  const [, startTransition] = useTransition()
  const [range, setRange] = useQueryState(
    'range',
    parseAsStringLiteral(healthRanges)
      .withDefault('1h')
      .withOptions({ shallow: false, history: 'push', startTransition }),
  )
  return (
    <Segments
      label="Range of the trends"
      value={range}
      segments={healthRanges.map((value) => ({ value, label: words[value] }))}
      onChange={(next) => void setRange(next)}
    />
  )
}
