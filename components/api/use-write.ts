'use client'

import { useCallback, useRef, useState } from 'react'
import { ApiProblem } from './request.ts'

/**
 * One write at a time: whether it is under way, and the problem it ended with.
 * `run` resolves to whether it went well; the problem stays until the next run.
 */
export function useWrite() {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<ApiProblem>()
  const running = useRef(false)
  const run = useCallback(async (action: () => Promise<void>): Promise<boolean> => {
    if (running.current) return false
    running.current = true
    setBusy(true)
    setProblem(undefined)
    try {
      await action()
      return true
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      setProblem(error)
      return false
    } finally {
      running.current = false
      setBusy(false)
    }
  }, [])
  const clear = useCallback(() => setProblem(undefined), [])
  return { busy, problem, run, clear }
}
