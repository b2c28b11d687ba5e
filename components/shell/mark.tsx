/** The product's mark: a hold that two strands share. */
export function Mark({ size = 20 }: { size?: number }) {
  return (
    <svg aria-hidden width={size} height={size} viewBox="0 0 20 20" fill="none" className="shrink-0">
      <rect width="20" height="20" rx="5" className="fill-ink" />
      <path d="M6 4.5v11M14 4.5v11" className="stroke-canvas" strokeWidth="2" strokeLinecap="round" />
      <path d="M6 12c0-3.4 8-.6 8-4" className="stroke-canvas" strokeWidth="2" strokeLinecap="round" />
    </svg>
  )
}
