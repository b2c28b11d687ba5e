/**
 * A text that came of an edit and of what others did meanwhile. Every letter is another one, so each can be followed.
 * Nothing here knows how edits are moved over each other.
 */
export type MergedBody = {
  /** What the device edited. */
  base: string
  /** What it made of it. */
  sent: string
  /** What the others had made of it. */
  before: string
  /** What came of both. */
  after: string
}

/**
 * A letter that somebody inserted and nobody deleted, and that is there no more. Of one that copies of a device had brought
 * twice, each side may have deleted another.
 */
export function lostLetter(body: MergedBody): string | null {
  const has = new Set(body.after)
  const isOne = (letter: string) => body.base.indexOf(letter) === body.base.lastIndexOf(letter)
  return [...expected(body)].find((letter) => !has.has(letter) && isOne(letter)) ?? null
}

/** What is there that should not be, or is not where its writer put it. */
export function strayLetters(body: MergedBody): string | null {
  const { sent, before, after } = body
  const wanted = expected(body)
  const stray = Array.from(after).find((letter) => !wanted.has(letter))
  if (stray !== undefined) return `${stray} is there, and was deleted`
  if (new Set(after).size < after.length) return 'a letter is there twice'
  const isInOrder = (text: string) => common(after, text) === common(text, after)
  if (!isInOrder(sent)) return 'the letters of the device are in another order'
  return isInOrder(before) ? null : 'the letters of the others are in another order'
}

/** What others left, and what the device inserted, without what it deleted. */
function expected({ base, sent, before }: MergedBody): Set<string> {
  const [based, wanted] = [new Set(base), new Set(sent)]
  const letters = new Set([...Array.from(before), ...Array.from(sent).filter((letter) => !based.has(letter))])
  for (const letter of base) if (!wanted.has(letter)) letters.delete(letter)
  return letters
}

/** The letters of a text that another one has, too. */
function common(text: string, other: string): string {
  const known = new Set(other)
  return Array.from(text)
    .filter((letter) => known.has(letter))
    .join('')
}
