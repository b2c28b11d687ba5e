import { z } from 'zod'

/** A moment that somebody asks for, in ISO 8601 with any offset: of our era, since PostgreSQL has no year 0. */
export const instant = z.iso
  .datetime({ offset: true })
  .refine((text) => Date.parse(text) >= Date.parse('0001-01-01T00:00:00Z'), 'must be after the year 0')
