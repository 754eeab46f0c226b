// Logs in to MySQL or MariaDB every 100 milliseconds with a rotating password:
//
//     DATABASE_CA=rds.pem node password.mjs SECRET
//
// If the server refuses the password, it reads the secret until that has another one, and logs in a second and
// last time.

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

import { createConnection } from 'mysql2/promise'

import { RotatingSecret } from './rotating-secret.mjs'

/** The server's error for a wrong password, ER_ACCESS_DENIED_ERROR. */
const REFUSED = 1045

// Without `verifyIdentity`, mysql2 does not compare the certificate with the name of the host.
const ssl = { ca: readFileSync(process.env.DATABASE_CA), verifyIdentity: true }

/** Opens a connection. */
async function connect (secret) {
  const login = await secret.read()
  try {
    return await logIn(login)
  } catch (error) {
    if (error.errno !== REFUSED) throw error
    const newer = await secret.newer(login)
    if (!newer) throw error
    console.log('refreshed: the password was refused')
    return logIn(newer)
  }
}

function logIn ({ host, port, dbname, username, password }) {
  return createConnection({ host, port, database: dbname, user: username, password, ssl })
}

const secret = new RotatingSecret(process.argv[2])
for (let number = 1; ; number++) {
  const connection = await connect(secret)
  const [[row]] = await connection.query("SELECT SUBSTRING_INDEX(USER(), '@', 1) AS user")
  console.log(`request ${number}: ${row.user}`)
  await connection.end()
  await sleep(100)
}
