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
  /**
   * The token that the device made for itself: 256 random bits. A request that comes again, or comes late, then means
   * the same token, and locks nobody out. Without it the server makes one at each request.
   */
  device_token: z
    .string()
    .regex(/^hf_dev_[\w-]{43,100}$/)
    .optional(),
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
