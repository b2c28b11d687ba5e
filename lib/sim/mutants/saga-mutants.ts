import type { Mutant } from './mutants.ts'

/** Sagas so often that they meet the edits of others. */
const busy = { saga: 3, saga_called_off: 3, saga_retried: 2 }

/** Bugs of sagas and of their undoing. */
export const sagaMutants: readonly Mutant[] = [
  {
    name: 'saga compensation overwrites a later edit',
    file: 'lib/core/undo-step.ts',
    find: `const merged = mergeRest('manual')`,
    replace: `const merged = mergeRest('client')`,
    rates: busy,
  },
  {
    name: 'saga compensation deletes a record that others edited since the saga made it',
    file: 'lib/core/undo-step.ts',
    find: `return jsonEqual(data, after) ? checked(before, 'applied') : clash(current, restored)`,
    replace: `return checked(before, 'applied')`,
    rates: busy,
  },
  {
    name: 'what compensation takes back is kept nowhere',
    file: 'lib/core/undo-step.ts',
    find: `lost: takenBack(current!, next) }`,
    replace: `lost: [] }`,
    rates: busy,
  },
  {
    name: 'a step whose undoing waits for a person counts as undone',
    file: 'lib/core/saga.ts',
    find: `const isBlocked = outcome === 'conflict' || outcome === 'failed'`,
    replace: `const isBlocked = outcome === 'failed'`,
    rates: busy,
  },
  {
    name: 'a step is taken before the one it comes after',
    file: 'lib/core/saga.ts',
    find: `if (step > saga.applied + 1) {`,
    replace: `if (step > saga.applied + 2) {`,
    rates: { ...busy, lose_request: 3, corrupt: 6 },
  },
  {
    name: 'a saga that was set back goes on',
    file: 'lib/core/saga.ts',
    find: `if (saga.state !== 'running') {
    return { code: 'saga_aborted'`,
    replace: `if (saga.state === 'stuck') {
    return { code: 'saga_aborted'`,
    rates: busy,
  },
  {
    name: 'the first step of a saga is undone first',
    file: 'lib/sim/model/sagas.ts',
    find: `const next = stepsOf(tables, sagaId).findLast(`,
    replace: `const next = stepsOf(tables, sagaId).find(`,
    rates: busy,
  },
  {
    name: 'a step is undone twice where two undo it at once',
    file: 'lib/sim/model/sagas.ts',
    find: `if (!step || step.undo !== undo.was) throw gone('a step was undone meanwhile')`,
    replace: `if (!step) throw gone('a step was undone meanwhile')`,
    rates: { ...busy, server_stall: 10 },
  },
  {
    name: 'a saga that never goes on is never undone',
    file: 'lib/server/sagas/look-after.ts',
    find: `return await timeOut(engine, id, { timeoutMs, traceId })`,
    replace: `return undefined`,
    rates: { ...busy, device_restored: 6, device_crash: 3 },
  },
]
