/** Signs the tokens of every simulated server. */
export const secret = 'the secret of a simulated server'
