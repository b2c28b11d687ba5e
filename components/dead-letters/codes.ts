/** A rejection code in words: what happened, and what usually mends it. */
const codes: Record<string, { title: string; mend: string }> = {
  schema_mismatch: {
    title: 'Does not fit the table’s schema',
    mend: 'Edit the change so that it fits, then replay it. If many devices send the same, the schema may be ahead of the app.',
  },
  schema_version_unsupported: {
    title: 'Written by an app version that is no longer understood',
    mend: 'Edit it to the present schema and replay it, and update the app on the device.',
  },
  business_rule: {
    title: 'Breaks a rule of the table',
    mend: 'Edit the value that the rule names, or discard the change if the rule is right and the work is void.',
  },
  unknown_table: {
    title: 'For a table that does not exist',
    mend: 'Create the table’s policy, then replay it.',
  },
  unknown_base: {
    title: 'Changes a record that the server never had',
    mend: 'Make it a CREATE with the full record and replay it, or discard it.',
  },
  scope_forbidden: {
    title: 'Outside the device’s scopes',
    mend: 'Grant the device the scope and replay it, or discard it.',
  },
  record_too_large: { title: 'The record is too large', mend: 'Make it smaller and replay it.' },
  invalid_change: { title: 'Not a readable change', mend: 'Repair what is named, then replay it.' },
  saga_aborted: {
    title: 'Its business transaction was undone',
    mend: 'Retry its saga as a whole; or take “saga” out of the change and replay it alone; or discard it.',
  },
  retries_exceeded: {
    title: 'Given up after too many attempts',
    mend: 'See what refused it before; when that is mended, replay it.',
  },
  answer_expired: {
    title: 'So old that nobody knows whether it was taken before',
    mend: 'Look at the record’s history. If the change is not in it, replay it; if it is, discard it.',
  },
  checksum_mismatch: {
    title: 'Damaged on its way, every time',
    mend: 'Look at the values; if they are right, replay it.',
  },
  clock_skew: { title: 'Stamped in the future, every time', mend: 'Set the device’s clock, then replay it.' },
}

/** A code as a title, such as `Breaks a rule of the table`; a code that is not known stands for itself. */
export function codeTitle(code: string): string {
  return codes[code]?.title ?? code.replaceAll('_', ' ')
}

export function codeMend(code: string): string {
  return codes[code]?.mend ?? 'Read the detail, edit the change if that mends it, and try a dry run.'
}
