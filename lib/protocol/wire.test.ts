import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { Json } from '#lib/core/json.ts'
import { canonicalJson } from './checksum.ts'
import * as digest from './digest.ts'
import * as enroll from './enroll.ts'
import * as errors from './errors.ts'
import * as policy from './policy.ts'
import * as sync from './sync.ts'

// What devices and scripts depend on, hashed: changing it is a decision. Additions that old clients can ignore are fine:
// put the new hash here. Anything else needs a new protocol version. Refinements and transforms are not seen by this.
const wire = {
  changes: [{ sync: sync.changeSchema }, '8dd5e142b5f8'],
  envelopes: [{ sync: sync.syncRequestSchema, report: sync.reportedDeadLetterSchema }, '3e9abb503fa0'],
  enrolment: [{ enroll: enroll.enrollRequestSchema }, '226fa1ca6cb5'],
  digests: [{ digest: digest.digestRequestSchema }, 'db899608eb87'],
  policies: [{ policy: policy.tablePolicySchema }, '65fc43c8908c'],
  'error codes': [errors.errorCodes, '5a4cea9b1af3'],
  'rejection codes': [sync.rejectionCodes, '8e71d22dd400'],
  words: [
    {
      ...{ protocol: sync.protocolVersion, limits: sync.limits, statusList: sync.statusListLimit },
      ...{ outcomes: sync.outcomes, resync: sync.resyncReasons },
    },
    '2fab612378b5',
  ],
} as const satisfies Record<string, readonly [parts: object, hash: string]>

test.each(Object.entries(wire))('%s are what was agreed', (_, [parts, hash]) => {
  const shape = JSON.stringify(parts, (_, part: unknown) =>
    part instanceof z.ZodType ? z.toJSONSchema(part, { io: 'input', unrepresentable: 'any' }) : part,
  )
  const canonical = canonicalJson(JSON.parse(shape) as Json)
  expect(createHash('sha256').update(canonical).digest('hex').slice(0, 12)).toBe(hash)
})
