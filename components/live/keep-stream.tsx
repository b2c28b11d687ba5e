'use client'

import { useEffect } from 'react'
import { listen } from './stream.ts'

/** Holds the one stream open from page to page. */
export function KeepStream() {
  useEffect(() => listen(() => {}), [])
  return null
}
