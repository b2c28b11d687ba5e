import { pageSchema, reasonSchema } from '#lib/protocol/console.ts'
import { retrySagaSchema, sagaDetailSchema, sagaItemSchema } from '#lib/protocol/sagas.ts'
import { sagasQuerySchema } from '../sagas/list.ts'
import type { Operation } from './operation.ts'

/** Business transactions of devices over several changes. */
export const sagaOperations: readonly Operation[] = [
  {
    ...{ method: 'GET', path: '/api/v1/sagas', who: 'viewer' },
    summary: 'Sagas by the time they began.',
    ...{ query: sagasQuerySchema, reply: pageSchema(sagaItemSchema) },
  },
  {
    ...{ method: 'GET', path: '/api/v1/sagas/{id}', who: 'viewer' },
    summary: 'A saga with its steps: what each did, and how it was undone.',
    reply: sagaDetailSchema,
  },
  {
    ...{ method: 'POST', path: '/api/v1/sagas/{id}/retry', who: 'operator', ifMatch: 'required' },
    summary:
      'Send all steps of an undone saga again, edited or not, as a new saga that is linked to it. Answers the new one.',
    ...{ body: retrySagaSchema, reply: sagaDetailSchema, problems: ['conflict'] },
  },
  {
    ...{ method: 'POST', path: '/api/v1/sagas/{id}/compensate', who: 'operator', ifMatch: 'required' },
    summary: 'Call a running saga off, or try again what of a stuck one could not be undone.',
    ...{ body: reasonSchema, reply: sagaDetailSchema, problems: ['conflict'] },
  },
]
