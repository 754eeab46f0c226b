// Calls AWS every 100 milliseconds with a rotating access key:
//
//     node access-key.mjs SECRET
//
// If AWS refuses the key, it reads the secret again, and makes the call with the new key.

import { setTimeout as sleep } from 'node:timers/promises'

import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'

import { RotatingSecret } from './rotating-secret.mjs'

/**
 * The codes with which AWS refuses a key that does not exist or is inactive. They depend on the service: the first
 * is that of STS, IAM, SNS, and SES, then those of the services with JSON, of S3, and of EC2.
 */
const REFUSED = ['InvalidClientTokenId', 'UnrecognizedClientException', 'InvalidAccessKeyId', 'AuthFailure']

/**
 * The milliseconds before a new key is tried again. IAM is eventually consistent: for some seconds, some of its
 * servers do not know a new key. Unlike a database, it does not lock an account.
 */
const WAITS = [1000, 3000, 9000]

/** A client of an AWS service with the access key in a secret. */
class RotatingClient {
  #Client
  #secret
  #key
  #client

  constructor (Client, secret) {
    this.#Client = Client
    this.#secret = secret
  }

  async send (command) {
    if (!this.#client) this.#use(await this.#secret.read())
    const [key, client] = [this.#key, this.#client]
    try {
      return await client.send(command)
    } catch (error) {
      if (!REFUSED.includes(error.name)) throw error
      const newer = await this.#secret.newer(key)
      if (!newer) throw error
      console.log(`refreshed: ${key.accesskey} was refused`)
      this.#use(newer)
    }
    for (const wait of WAITS) {
      try {
        return await this.#client.send(command)
      } catch (error) {
        if (!REFUSED.includes(error.name)) throw error
        console.log(`again: ${this.#key.accesskey} is not known everywhere yet`)
        await sleep(wait)
      }
    }
    return this.#client.send(command)
  }

  #use (key) {
    this.#key = key
    const credentials = { accessKeyId: key.accesskey, secretAccessKey: key.secretkey }
    this.#client = new this.#Client({ credentials })
  }
}

const client = new RotatingClient(STSClient, new RotatingSecret(process.argv[2]))
for (let number = 1; ; number++) {
  const identity = await client.send(new GetCallerIdentityCommand())
  console.log(`request ${number}: ${identity.Arn}`)
  await sleep(100)
}
