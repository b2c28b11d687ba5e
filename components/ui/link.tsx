import NextLink from 'next/link'
import type { ComponentProps } from 'react'

/**
 * A link within the console. Nothing is fetched before it is followed: every page is rendered for the request, with
 * its counts, and a list shows a hundred links.
 */
export function Link(props: ComponentProps<typeof NextLink>) {
  return <NextLink prefetch={false} {...props} />
}
