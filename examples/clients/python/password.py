"""Logs in to PostgreSQL every 100 milliseconds with a rotating password:

    PGSSLROOTCERT=rds.pem python password.py SECRET

If the server refuses the password, it reads the secret until that has another one, and logs in a second and
last time.
"""

import sys
import time

import psycopg

from rotating_secret import RotatingSecret


def connect(secret):
    """Opens a connection. A pool calls this for each of its connections."""
    login = secret.read()
    try:
        return log_in(login)
    except psycopg.OperationalError as error:
        if not password_was_refused(error):
            raise
        newer = secret.newer(login)
        if newer is None:
            raise
    print("refreshed: the password was refused", flush=True)
    return log_in(newer)


def log_in(login):
    return psycopg.connect(
        host=login["host"],
        port=login["port"],
        dbname=login["dbname"],
        user=login["username"],
        password=login["password"],
        sslmode="verify-full",
        connect_timeout=10,
    )


def password_was_refused(error):
    """Whether the server asked for the password and then ended the login.

    The SQLSTATE would be 28P01, but libpq does not tell it before a connection is open, and the message is
    in the server's language.
    """
    return error.pgconn is not None and error.pgconn.used_password


def main():
    secret = RotatingSecret(sys.argv[1])
    number = 0
    while True:
        number += 1
        with connect(secret) as connection:
            user = connection.execute("SELECT current_user::text").fetchone()[0]
        print(f"request {number}: {user}", flush=True)
        time.sleep(0.1)


if __name__ == "__main__":
    main()
