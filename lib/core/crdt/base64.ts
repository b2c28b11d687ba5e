const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** By code unit; 255 for what is no digit. */
const values = new Uint8Array(128).fill(255)
for (let value = 0; value < alphabet.length; value++) values[alphabet.charCodeAt(value)] = value
const padding = '='.charCodeAt(0)

/** RFC 4648, section 4, with padding. */
export function toBase64(bytes: Uint8Array): string {
  const parts: string[] = []
  for (let at = 0; at < bytes.length; at += 3) {
    const [a, b, c] = [bytes[at]!, bytes[at + 1], bytes[at + 2]]
    const bits = (a << 16) | ((b ?? 0) << 8) | (c ?? 0)
    parts.push(
      alphabet[bits >> 18]! +
        alphabet[(bits >> 12) & 63]! +
        (b === undefined ? '=' : alphabet[(bits >> 6) & 63]!) +
        (c === undefined ? '=' : alphabet[bits & 63]!),
    )
  }
  return parts.join('')
}

/** @returns null where the text is not exactly what `toBase64` writes */
export function fromBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null
  const padded = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const bytes = new Uint8Array((text.length / 4) * 3 - padded)
  let at = 0
  for (let from = 0; from < text.length; from += 4) {
    let bits = 0
    for (let digit = from; digit < from + 4; digit++) {
      const code = text.charCodeAt(digit)
      const value = code === padding && digit >= text.length - padded ? 0 : (values[code] ?? 255)
      if (value === 255) return null
      bits = (bits << 6) | value
    }
    for (let shift = 16; shift >= 0 && at < bytes.length; shift -= 8) bytes[at++] = (bits >> shift) & 255
    // What lies under the padding must be zero, or one state would have several texts.
    if (from + 4 === text.length && padded > 0 && (bits & (padded === 2 ? 0xffff : 0xff)) !== 0) return null
  }
  return bytes
}
