"""MariaDB, packed as `driver`."""

import logging
import os

import pymysql

ENGINE = "mariadb"

AUTHORITIES = os.path.join(os.environ["LAMBDA_TASK_ROOT"], "tls", "authorities.pem")


def connect(value):
    try:
        return pymysql.connect(
            host=value["host"],
            port=int(value.get("port", 3306)),
            database=value.get("dbname"),
            user=value["username"],
            password=value["password"],
            connect_timeout=5,
            ssl={"ca": AUTHORITIES},
        )
    except pymysql.OperationalError:
        logging.getLogger().info("cannot log in")
        return None


def change(connection, value):
    with connection.cursor() as cursor:
        cursor.execute("SET PASSWORD = PASSWORD(%s)", (value["password"],))
    connection.commit()


def look(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT NOW()")
    connection.commit()
