// Lists as PostgreSQL takes them in its binary format, which costs neither side the reading of text: its `array_recv`, and
// `uuid_recv`, `int4recv` … for what is in them. node-postgres sends a Buffer as such a parameter.

/** Object ids of the types: those of built-in types are fixed (`pg_type.dat` of PostgreSQL). */
const oids = { bytea: 17, bigint: 20, int: 23, text: 25, uuid: 2950, jsonb: 3802 } as const

/** Dimensions, whether there are nulls, the type; then length and lower bound of the one dimension. */
const headerBytes = 20

/** Before each element: its size in bytes, or this for one that is null. */
const sizeBytes = 4
const nullSize = -1

/** Of `jsonb`: the version of the format, before the text. */
const jsonbVersion = 1

export function intArray(values: readonly (number | null)[]): Buffer {
  return fixed('int', 4, values, (array, value, at) => array.writeInt32BE(value, at))
}

/** Safe integers. */
export function bigintArray(values: readonly (number | null)[]): Buffer {
  return fixed('bigint', 8, values, (array, value, at) => {
    array.writeInt32BE(Math.floor(value / 2 ** 32), at)
    array.writeUInt32BE(value >>> 0, at + 4)
  })
}

/** @throws RangeError for what is no UUID */
export function uuidArray(values: readonly string[]): Buffer {
  return fixed('uuid', 16, values, (array, value, at) => writeHex(array, value.replaceAll('-', ''), at, 16))
}

/** Of bytes given in hexadecimal, all of one length. @throws RangeError for what is not */
export function hexArray(bytes: number, values: readonly (string | null)[]): Buffer {
  return fixed('bytea', bytes, values, (array, value, at) => writeHex(array, value, at, bytes))
}

export function textArray(values: readonly string[]): Buffer {
  return texts('text', values, null)
}

/** Of JSON texts. */
export function jsonbArray(values: readonly (string | null)[]): Buffer {
  return texts('jsonb', values, jsonbVersion)
}

function writeHex(array: Buffer, hex: string, at: number, bytes: number): void {
  if (hex.length !== 2 * bytes || array.write(hex, at, 'hex') !== bytes) {
    throw new RangeError(`these are not ${bytes} bytes in hexadecimal: ${hex}`)
  }
}

function fixed<Value>(
  type: keyof typeof oids,
  bytes: number,
  values: readonly (Value | null)[],
  write: (array: Buffer, value: Value, at: number) => void,
): Buffer {
  return list(type, values, bytes * values.length, (array, value, at) => {
    write(array, value, at)
    return at + bytes
  })
}

function texts(type: 'text' | 'jsonb', values: readonly (string | null)[], version: number | null): Buffer {
  const prefix = version === null ? 0 : 1
  const room = values.reduce((sum, value) => sum + prefix + Buffer.byteLength(value ?? ''), 0)
  return list(type, values, room, (array, value, at) => {
    if (version !== null) array[at] = version
    return at + prefix + array.write(value, at + prefix)
  })
}

/**
 * @param room at least what all elements need
 * @param write puts an element at a place, and says where it ends
 */
function list<Value>(
  type: keyof typeof oids,
  values: readonly (Value | null)[],
  room: number,
  write: (array: Buffer, value: Value, at: number) => number,
): Buffer {
  const array = Buffer.allocUnsafe(headerBytes + values.length * sizeBytes + room)
  let at = headerBytes
  let hasNulls = false
  for (const value of values) {
    if (value === null) {
      hasNulls = true
      at = array.writeInt32BE(nullSize, at)
    } else {
      const start = at + sizeBytes
      const end = write(array, value, start)
      array.writeInt32BE(end - start, at)
      at = end
    }
  }
  array.writeInt32BE(1, 0)
  array.writeInt32BE(hasNulls ? 1 : 0, 4)
  array.writeInt32BE(oids[type], 8)
  array.writeInt32BE(values.length, 12)
  array.writeInt32BE(1, 16)
  return array.subarray(0, at)
}
