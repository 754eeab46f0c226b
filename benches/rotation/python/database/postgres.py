"""PostgreSQL, packed as `driver`."""

import logging
import os

import psycopg
from psycopg import sql

ENGINE = "postgres"

AUTHORITIES = os.path.join(os.environ["LAMBDA_TASK_ROOT"], "tls", "authorities.pem")


def connect(value):
    try:
        return psycopg.connect(
            host=value["host"],
            port=int(value.get("port", 5432)),
            dbname=value.get("dbname", "postgres"),
            user=value["username"],
            password=value["password"],
            connect_timeout=5,
            sslmode="verify-full",
            sslrootcert=AUTHORITIES,
        )
    except psycopg.OperationalError:
        logging.getLogger().info("cannot log in")
        return None


def change(connection, value):
    statement = sql.SQL("ALTER USER {} WITH PASSWORD {}")
    user, password = sql.Identifier(value["username"]), sql.Literal(value["password"])
    with connection.cursor() as cursor:
        cursor.execute(statement.format(user, password))
    connection.commit()


def look(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT NOW()")
    connection.commit()
