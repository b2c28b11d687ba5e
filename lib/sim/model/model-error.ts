/** An error as Postgres reports it. */
export class ModelError extends Error {
  override readonly name = 'ModelError'
  /** SQLSTATE, or a code of the driver. */
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}
