/** `0193f3a2…4b11`: both ends, which is where ids differ. */
export function shortenMiddle(id: string, head = 8, tail = 4): string {
  return id.length <= head + tail + 1 ? id : `${id.slice(0, head)}…${id.slice(-tail)}`
}
