import { expect, test } from 'vitest'
import { replayText } from './replay-text.ts'
import { readTrace, SAMPLE_FILE } from './trace.ts'
import { twoWriters } from './writers.ts'

// What two people typed at the same time, through the push path's own decisions; `npm run replay:text` replays it all.
test.each([
  ['ot', 2_500],
  ['crdt', 700],
] as const)(
  'two devices type as two people once did, as %s, and both have their text',
  async (way, steps) => {
    const whole = await readTrace(SAMPLE_FILE)
    const trace = { ...whole, steps: whole.steps.slice(0, steps) }
    const { writers, server } = twoWriters(way)
    replayText(trace, writers)
    const { writers: alone } = twoWriters('yjs')
    replayText(trace, alone)
    expect(alone[0].text()).toBe(alone[1].text())
    expect(writers.map((writer) => writer.text())).toEqual(alone.map((writer) => writer.text()))
    expect(steps < whole.steps.length || writers[0].text() === whole.endContent).toBe(true)
    // They did write at the same time: some of it met on the server.
    const merged = server?.versions.filter(({ isMerged }) => isMerged).length
    expect(merged).toBeGreaterThan(20)
  },
)
