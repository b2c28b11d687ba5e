import type { SVGProps } from 'react'

/** Line icons on a 16-pixel grid, 1.5 px strokes, drawn in the text's colour. Decoration: always beside a word. */
const paths = {
  health: 'M1.75 8.5h2.5l2-5 3.5 9 2-4h2.5',
  devices: 'M4.75 1.75h6.5a1 1 0 0 1 1 1v10.5a1 1 0 0 1-1 1h-6.5a1 1 0 0 1-1-1V2.75a1 1 0 0 1 1-1ZM7 12h2',
  syncs: 'M2.5 6.25h9.75L9.5 3.5M13.5 9.75H3.75L6.5 12.5',
  conflicts: 'M4 2.5v3.2c0 2 4 2.6 4 4.6v3.2M12 2.5v3.2c0 2-4 2.6-4 4.6',
  'dead-letters': 'M2 4.25h12v8.5H2zM2.25 4.5 8 9l5.75-4.5',
  sagas: 'M4 3.25h.01M4 8h.01M4 12.75h.01M7 3.25h6.25M7 8h6.25M7 12.75h3.5',
  records: 'M2.5 3h11M2.5 6.33h11M2.5 9.67h11M2.5 13h7',
  tables: 'M2.25 2.75h11.5v10.5H2.25zM2.25 6.25h11.5M6.25 6.25v7',
  audit: 'M5 2.75h8.25v10.5H5zM2.75 4.5v7M7.5 6h3.5M7.5 8.75h3.5',
  account: 'M8 8a2.6 2.6 0 1 0 0-5.2A2.6 2.6 0 0 0 8 8ZM2.75 13.75c.6-2.4 2.6-3.6 5.25-3.6s4.65 1.2 5.25 3.6',
  repair:
    'M13.2 4.6 11 6.8 9.2 5l2.2-2.2a3.4 3.4 0 0 0-4.4 4.3l-4.4 4.4a1.4 1.4 0 0 0 2 2L9 9.1a3.4 3.4 0 0 0 4.2-4.5Z',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.3 10.3l3.2 3.2',
  check: 'm3 8.4 3.2 3.2L13 4.6',
  'chevron-down': 'm4.5 6.5 3.5 3.5 3.5-3.5',
  'chevron-right': 'm6.5 4.5 3.5 3.5-3.5 3.5',
  'arrow-left': 'M13 8H3M7 4 3 8l4 4',
  'arrow-right': 'M3 8h10M9 4l4 4-4 4',
  'arrow-up': 'M8 13V3M4 7l4-4 4 4',
  'arrow-down': 'M8 3v10M4 9l4 4 4-4',
  close: 'm4 4 8 8M12 4l-8 8',
  copy: 'M5.75 5.75h7.5v7.5h-7.5zM3.75 10.25h-1v-7.5h7.5v1',
  light:
    'M8 10.75a2.75 2.75 0 1 0 0-5.5 2.75 2.75 0 0 0 0 5.5ZM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7',
  dark: 'M13.5 9.6A5.9 5.9 0 0 1 6.4 2.5a5.75 5.75 0 1 0 7.1 7.1Z',
  system: 'M2 3h12v8H2zM6 13.5h4M8 11v2.5',
  'sign-out': 'M6.25 2.75h-3.5v10.5h3.5M10 5l3 3-3 3M6.5 8H13',
  table: 'M2.25 3.25h11.5v9.5H2.25zM2.25 6.5h11.5M2.25 9.6h11.5M7 3.25v9.5',
  external: 'M9.5 2.75h3.75V6.5M13 3 7.5 8.5M11.25 9.5v3.75h-8.5v-8.5H6.5',
  lock: 'M3.75 7.25h8.5v6h-8.5zM5.5 7V5a2.5 2.5 0 0 1 5 0v2',
  help: 'M6 6.2a2 2 0 1 1 3 1.7c-.6.35-1 .8-1 1.5M8 11.9h.01M8 14.25a6.25 6.25 0 1 0 0-12.5 6.25 6.25 0 0 0 0 12.5Z',
} as const

export type IconName = keyof typeof paths

export function Icon({ name, ...rest }: { name: IconName } & SVGProps<SVGSVGElement>) {
  return (
    <svg
      aria-hidden
      width={16}
      height={16}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === 'more' ? 2 : 1.5}
      strokeLinecap="round"
      strokeLinejoin="round"
      className="shrink-0"
      {...rest}
    >
      <path d={paths[name]} />
    </svg>
  )
}
