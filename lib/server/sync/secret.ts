/** Signs sync tokens and cursors: one secret for all processes of a server. */
export function serverSecret(): string {
  const secret = process.env['HOLDFAST_TOKEN_SECRET']
  if (!secret) throw new Error('HOLDFAST_TOKEN_SECRET is not set: start the server with `npm start`')
  return secret
}
