import { createHash } from 'node:crypto'
import { RateLimiterRes, type RateLimiterPostgres } from 'rate-limiter-flexible'
import { AppError } from '#lib/protocol/errors.ts'
import { createLimiter } from './store.ts'

/** Counts wrong guesses at a secret, per subject: an account, a network. */
export type GuessLimit = {
  /** Lets a subject try while it has guesses left. @throws AppError `throttled` until the window is over */
  check: (subject: string) => Promise<void>
  /** The same, and counts the try as wrong at once, so that guesses sent together are all counted. */
  attempt: (subject: string) => Promise<void>
  /** Counts a wrong guess. */
  wrong: (subject: string) => Promise<void>
  /** Takes one counted guess back: it was right. */
  forgive: (subject: string) => Promise<void>
  /** Forgets all wrong guesses. */
  clear: (subject: string) => Promise<void>
}

export function createGuessLimit(
  name: string,
  options: { wrongGuesses: number; windowSeconds: number },
): GuessLimit {
  let made: RateLimiterPostgres | undefined
  const limiter = () => (made ??= createLimiter(name, options.wrongGuesses, options.windowSeconds))
  return {
    async check(subject) {
      const state = await limiter().get(keyOf(subject))
      if (state && state.consumedPoints >= options.wrongGuesses) throw throttled(state)
    },
    async attempt(subject) {
      try {
        await limiter().consume(keyOf(subject), 1)
      } catch (refused) {
        throw refused instanceof RateLimiterRes ? throttled(refused) : refused
      }
    },
    async wrong(subject) {
      await limiter().penalty(keyOf(subject), 1)
    },
    async forgive(subject) {
      await limiter().reward(keyOf(subject), 1)
    },
    async clear(subject) {
      await limiter().delete(keyOf(subject))
    },
  }
}

function throttled(state: RateLimiterRes): AppError {
  const seconds = Math.ceil(state.msBeforeNext / 1000)
  return new AppError('throttled', `Too many wrong attempts. Try again in ${seconds} s.`, {
    extras: { retry_after_ms: state.msBeforeNext },
  })
}

/** Subjects come from outside and may be of any length or content. */
function keyOf(subject: string): string {
  return createHash('sha256').update(subject).digest('base64url')
}
