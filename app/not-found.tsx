import { ButtonLink } from '#components/ui/button.tsx'

export default function NotFound() {
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-1 px-6 text-center">
      <h1 className="text-14 font-semibold">Nothing is here</h1>
      <p className="max-w-prose text-muted">
        The address may be mistyped, or what it showed is older than what is kept.
      </p>
      <ButtonLink href="/" className="mt-3">
        Go to Health
      </ButtonLink>
    </main>
  )
}
