import { z } from 'zod'
import { uuid, type limits, type Priority } from './sync.ts'

export const enrollRequestSchema = z.object({
  enrollment_key: z.string().min(1).max(500),
  device_id: uuid,
  incarnation: uuid,
  name: z.string().min(1).max(200),
  platform: z.string().max(100).default(''),
  app_version: z.string().max(100).default(''),
  scopes: z.array(z.string().min(1).max(200)).min(1).max(1_000).default(['default']),
})
export type EnrollRequest = z.output<typeof enrollRequestSchema>

export type EnrollReply = {
  device_token: string
  /** asked ∩ allowed by the key */
  scopes: string[]
  epoch: string
  server_time: string
  limits: typeof limits
  tables: { name: string; strategy: string; priority: Priority; schema_version: number }[]
}
