import { applyTextOps, composeTextOps, transformOwn, transformTheirs, type TextOps } from './delta.ts'
import { diffText } from './diff.ts'

export type MergedText = {
  text: string
  /** From the server's text to the result: the device's edit, as it came to be made. */
  applied: TextOps
  /** From the device's text to the result: what the device's next edit, made on its own text, has to be moved over. */
  bridge: TextOps
}

/**
 * One text of two that were made from one: the device's edit is made after the server's, in their order, and where both
 * insert at one place the server's comes first. Nothing that either inserted is lost.
 * @param edit the device's, from `base` to `ours`; derived where it is not known
 * @param since the server's, from `base` to `theirs`, in their order; derived where they do not lead there
 */
export function mergeText(
  { base, ours, theirs }: { base: string; ours: string; theirs: string },
  edit: TextOps | undefined,
  since: readonly TextOps[] | null,
): MergedText {
  let applied = edit ?? diffText(base, ours)
  let bridge: TextOps = []
  for (const concurrent of leadsTo(base, since, theirs) ?? [diffText(base, theirs)]) {
    bridge = composeTextOps(bridge, transformTheirs(concurrent, applied))
    applied = transformOwn(applied, concurrent)
  }
  const text = applyTextOps(theirs, applied)
  if (text === null) throw new Error('a transformed edit does not fit the text it was transformed for')
  return { text, applied, bridge }
}

/** The edits, if they lead from one text to the other. */
function leadsTo(from: string, edits: readonly TextOps[] | null, to: string): readonly TextOps[] | null {
  const end = edits?.reduce<string | null>(
    (text, edit) => (text === null ? null : applyTextOps(text, edit)),
    from,
  )
  return end === to ? edits : null
}
