import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { commandFor, type PostgresOwner } from '../postgres/owner.ts'

/** A copy of folders that belong together, taken and put back while nobody writes in them. */
export class DataCopy {
  readonly #folders: readonly string[]
  readonly #into: string
  readonly #owner: PostgresOwner
  #isThere = false

  /** @param owner of everything in them: nobody else may write where they lie */
  constructor(folders: readonly string[], into: string, owner: PostgresOwner) {
    this.#folders = folders
    this.#into = into
    this.#owner = owner
  }

  get isThere(): boolean {
    return this.#isThere
  }

  /** In place of the copy before it. */
  async take(): Promise<void> {
    this.#isThere = false
    for (const [from, to] of this.#pairs()) await this.#replace(from, to)
    this.#isThere = true
  }

  async putBack(): Promise<void> {
    if (!this.#isThere) throw new Error('nothing was copied')
    for (const [to, from] of this.#pairs()) await this.#replace(from, to)
  }

  async drop(): Promise<void> {
    this.#isThere = false
    for (const [, copy] of this.#pairs()) await this.#run('/bin/rm', ['-rf', copy])
  }

  #pairs(): [string, string][] {
    return this.#folders.map((folder, index) => [folder, join(this.#into, `copy-${index}`)])
  }

  /** With owners and modes: PostgreSQL starts on nothing else. */
  async #replace(from: string, to: string): Promise<void> {
    await this.#run('/bin/rm', ['-rf', to])
    await this.#run('/bin/cp', ['-a', from, to])
  }

  async #run(program: string, args: string[]): Promise<void> {
    const { file, args: all, owner } = await commandFor(this.#owner, program, args, args.slice(1))
    await promisify(execFile)(file, all, { ...owner })
  }
}
