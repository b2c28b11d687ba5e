/** Who signs in to the server of the browser tests; the first admin comes from its environment. */
export const accounts = {
  admin: { email: 'admin@example.org', password: 'correct horse battery' },
  operator: { email: 'operator@example.org', password: 'staple correct horse' },
  viewer: { email: 'viewer@example.org', password: 'battery staple correct' },
} as const

export type Role = keyof typeof accounts

/** Keys that the server of the browser tests is started with. */
export const keys = {
  api: 'hf_api_for_the_browser_tests_and_nothing_else',
  enrollment: 'hf_enr_for_the_browser_tests_and_nothing_else',
  /** Signs sync tokens. */
  token: 'signs tokens in the browser tests and nowhere else',
} as const
