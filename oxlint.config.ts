import { defineConfig, type OxlintOverride } from 'oxlint'

type Pattern = { regex: string; message: string }

/** Both spellings of a way into a folder: `#lib/server/…` and `../server/…`. */
const into = (...folders: string[]): Pattern => ({
  regex: `^(#lib/|#|(\\.\\./)+(lib/)?)(${folders.join('|')})(/|$)`,
  message: 'Imports point down only.',
})

const upstairs = ['app', 'components', 'scripts', 'e2e']
const purity: Pattern = {
  // Pure functions from npm are as good as our own: canonicalize, quill-delta, yjs, and hashes from @noble.
  // By their first letters: the linter's patterns know no "except".
  regex: '^([abd-pr-xz]|c[^a]|q[^u]|y[^j]|@[^n])',
  message: 'lib/core is pure: everything it needs comes in as an argument.',
}
const portability: Pattern = {
  regex: '^(node:|react|next|pg$|@prisma|@opentelemetry|pino|prom-client)',
  message: 'This runs in browsers and on devices, too.',
}
const noInterface: Pattern = {
  regex: '^(react-dom|@base-ui|@tanstack|recharts)',
  message: 'No user interface below the components.',
}
const noDatabase: Pattern = {
  regex: '^@prisma/|generated/prisma|^pg$',
  message: 'Only db.ts and the stores touch the database.',
}
const noOtherStore: Pattern = {
  regex: '^(\\.\\./[^.]+|#lib/server/[^/]+)/store\\.ts$',
  message: "Call another noun's verb, never its store.",
}
const verbsOnly: Pattern = {
  regex: '/(db|store)\\.ts$',
  message: 'Routes and pages call verbs, never the database.',
}

/** What the files of a floor may not import. Tests and their fixtures may look at everything. */
const floor = (files: string, patterns: Pattern[], except: string[] = []): OxlintOverride => ({
  files: [files],
  excludeFiles: ['**/*.test.ts', '**/*.test.tsx', '**/testing/**', ...except],
  rules: { 'no-restricted-imports': ['error', { patterns }] },
})

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'promise', 'react', 'jsx-a11y', 'nextjs', 'vitest'],
  options: { typeAware: true },
  categories: { correctness: 'error', suspicious: 'error', perf: 'error' },
  ignorePatterns: ['lib/server/generated/**', '.next*/**', 'next-env.d.ts'],
  rules: {
    'typescript/no-explicit-any': 'error',
    'typescript/consistent-type-imports': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'import/no-cycle': 'error',
    'max-lines': ['error', { max: 350 }],
    // A promise nobody waits for loses its error; one that is deliberate says `void`.
    'typescript/no-floating-promises': 'error',

    // The new JSX transform needs no React in scope.
    'react/react-in-jsx-scope': 'off',
    'vitest/no-standalone-expect': 'off',
    'no-unmodified-loop-condition': 'off',
    // Many loops here are sequences on purpose: a chunk after a chunk, a retry after a pause.
    'no-await-in-loop': 'off',
    'no-shadow': 'off',
    'no-underscore-dangle': 'off',
    'import/no-unassigned-import': 'off',
    'import/no-named-as-default-member': 'off',
    // Exhaustive switches without a default satisfy TypeScript, which knows better.
    'typescript/consistent-return': 'off',
    // At the edges a shape is asserted right after zod or the database made it so.
    'typescript/no-unsafe-type-assertion': 'off',
    'unicorn/consistent-function-scoping': 'off',
    // Sorting an array that was made a moment ago is fine, and older browsers know no other way.
    'unicorn/no-array-sort': 'off',
    'unicorn/no-useless-spread': 'off',
    // A region that scrolls must take the focus, or the keyboard cannot scroll it (axe asks for it).
    'jsx-a11y/no-noninteractive-tabindex': 'off',
    'jsx-a11y/prefer-tag-over-role': 'off',
    'oxc/no-map-spread': 'off',
    'vitest/require-to-throw-message': 'off',
  },
  // The floors of the house, as the README maps them; where two match, the later one counts.
  overrides: [
    floor('lib/core/**', [into('protocol', 'client', 'telemetry', 'server', 'sim', ...upstairs), purity]),
    floor('lib/protocol/**', [into('client', 'telemetry', 'server', 'sim', ...upstairs), portability]),
    floor('lib/client/**', [into('telemetry', 'server', 'sim', ...upstairs), portability]),
    floor('lib/telemetry/**', [into('protocol', 'client', 'server', 'sim', ...upstairs), noInterface]),
    floor('lib/server/**', [into('client', 'sim', ...upstairs), noInterface]),
    floor(
      'lib/server/*/**',
      [into('client', 'sim', ...upstairs), noInterface, noDatabase, noOtherStore],
      ['**/store.ts', '**/*-store.ts', '**/*-sql.ts'],
    ),
    floor('components/**', [into('client', 'telemetry', 'server', 'sim', 'app', 'scripts', 'e2e')]),
    floor('app/**', [into('scripts', 'e2e'), verbsOnly]),
  ],
})
