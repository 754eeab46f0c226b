// The value of a secret that rotates, from the cache of Powertools.

import { isDeepStrictEqual } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'

import { SecretsProvider } from '@aws-lambda-powertools/parameters/secrets'

/** How long the cache serves a value without asking Secrets Manager, in seconds. */
const MAX_AGE = 3600

/** The waits before each look for a newer value, in milliseconds. */
const WAITS = [0, 250, 500, 1000, 3000, 9000]

export class RotatingSecret {
  #id
  #provider

  constructor (id, provider = new SecretsProvider()) {
    this.#id = id
    this.#provider = provider
  }

  /** Returns the value from the cache. */
  read () {
    return this.#get(false)
  }

  /**
   * Returns a value that differs from one that was refused, or undefined if there is none.
   *
   * A password works on the server some time before it is in AWSCURRENT, so the first look can come too
   * early. This asks Secrets Manager again, and never the server, which may lock an account after a few
   * refused logins.
   */
  async newer (refused) {
    for (const wait of WAITS) {
      await sleep(wait)
      const value = await this.#get(true)
      if (!isDeepStrictEqual(value, refused)) return value
    }
  }

  #get (forceFetch) {
    return this.#provider.get(this.#id, { forceFetch, maxAge: MAX_AGE, transform: 'json' })
  }
}
