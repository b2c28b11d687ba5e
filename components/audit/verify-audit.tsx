'use client'

import { useState } from 'react'
import { ProblemNotice } from '#components/api/problem-notice.tsx'
import { write } from '#components/api/request.ts'
import { useWrite } from '#components/api/use-write.ts'
import { Button } from '#components/ui/button.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { formatCount } from '#components/ui/quantity.ts'
import { auditVerificationSchema, type AuditVerification } from '#lib/protocol/access.ts'

const reasons: Record<NonNullable<AuditVerification['broken']>['reason'], string> = {
  changed: 'was changed after it was written',
  missing: 'is missing',
  added: 'was put in afterwards',
  head: 'does not match the end of the chain',
}

/** Computes the chain of the audit anew: whether every entry is what was written. */
export function VerifyAudit({ refusal }: { refusal?: string | undefined }) {
  const [result, setResult] = useState<AuditVerification>()
  const { busy, problem, run } = useWrite()
  const verify = () =>
    run(async () => {
      setResult(auditVerificationSchema.parse(await write('/api/v1/audit/verify')))
    })
  return (
    <div className="flex flex-col gap-3">
      <div className="flex items-center gap-3 text-muted">
        <p className="flex-1">
          Each entry carries the hash of the one before it. Nothing here can be changed without a trace.
        </p>
        {refusal === undefined ? (
          <Button busy={busy} onClick={() => void verify()}>
            {busy ? 'Verifying…' : 'Verify the chain'}
          </Button>
        ) : (
          <span className="text-12 text-faint">{refusal}</span>
        )}
      </div>
      <ProblemNotice title="Not verified" problem={problem} />
      {result ? (
        result.ok ? (
          <Notice
            state="healthy"
            alert
            title={`The chain holds: ${formatCount(result.checked)} entries verified`}
          />
        ) : (
          <Notice state="critical" alert title="The audit is not what was written">
            {result.broken ? `Entry ${result.broken.id} ${reasons[result.broken.reason]}.` : null}{' '}
            {formatCount(result.checked)} entries before it hold.
          </Notice>
        )
      ) : null}
    </div>
  )
}
