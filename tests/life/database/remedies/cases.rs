//! The cases: how a cause is produced, and how its remedy is carried out.

use super::Engine::{self, MariaDb, MySql, Postgres};

/// Whose login a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    User,
    Administrator,
}

/// What a person does. Statements name the user, the user that alternates with it, the
/// administrator, and the user's database as `{user}`, `{clone}`, `{admin}`, and `{db}`.
pub enum Change {
    /// Runs statements as the superuser.
    Sql(&'static str),
    /// Gives the entry these settings, and bootstraps.
    Manifest(&'static str),
    /// Logs in as the user with a wrong password.
    WrongLogin,
    /// Sets the user's password to that of AWSCURRENT.
    CurrentPassword,
    /// Sets the user's password to the one that the bootstrap gets.
    FirstPassword,
    /// Sets the administrator's password on the server.
    AdministratorsPassword(&'static str),
    /// Stores the administrator's password in its secret.
    AdministratorsSecret(&'static str),
    /// Creates a superuser, and stores its login as `ops/superuser`.
    SuperusersSecret,
    /// Opens sessions that stay open, with these statements.
    Hold(&'static str, usize),
    EndSessions,
    Stop,
    Start,
    Pause,
    Resume,
}

use Change::{
    AdministratorsPassword, AdministratorsSecret, CurrentPassword, EndSessions, FirstPassword,
    Hold, Manifest, Pause, Resume, Sql, Start, Stop, SuperusersSecret, WrongLogin,
};

pub struct Case {
    /// The begin of the row's cause.
    pub cause: &'static str,
    pub by: By,
    pub engines: &'static [Engine],
    /// Settings of the entry.
    pub settings: &'static str,
    pub produced: &'static [Change],
    pub remedied: &'static [Change],
    /// What must be undone before the next case.
    pub restored: &'static [Change],
}

const fn case(
    engines: &'static [Engine],
    by: By,
    cause: &'static str,
    produced: &'static [Change],
    remedied: &'static [Change],
) -> Case {
    Case {
        cause,
        by,
        engines,
        settings: match by {
            By::User => ITSELF,
            By::Administrator => ADMINISTERED,
        },
        produced,
        remedied,
        restored: &[],
    }
}

const ITSELF: &str = "rotate_as: self";
const LONGER: &str = "rotate_as: self\npassword: { length: 48 }";
const SUPERUSER: &str = "rotate_as: ops/superuser";
const ADMINISTERED: &str = "rotate_as: ops/dba";
const ALTERNATE: &str = "rotate_as: ops/dba\nusers: alternate";

/// The cases whose command is `keyrota rotate`. Those with the same settings are together.
pub const WITH_A_ROTATION: &[Case] = &[
    case(
        &[Postgres],
        By::User,
        "PostgreSQL: the password is wrong",
        &[Sql("ALTER ROLE {user} VALID UNTIL '2001-01-01'")],
        &[Sql("ALTER ROLE {user} VALID UNTIL 'infinity'")],
    ),
    case(
        &[MariaDb, MySql],
        By::User,
        "the password is wrong",
        &[Sql("ALTER USER {user} IDENTIFIED BY 'By-h4nd-1'")],
        &[CurrentPassword],
    ),
    case(
        &[Postgres],
        By::User,
        "the database does not exist",
        &[Sql("ALTER DATABASE {db} RENAME TO other")],
        &[Sql("ALTER DATABASE other RENAME TO {db}")],
    ),
    case(
        &[MariaDb, MySql],
        By::User,
        "the database does not exist",
        &[Sql("DROP DATABASE {db}")],
        &[Sql("CREATE DATABASE {db}")],
    ),
    case(
        &[Postgres],
        By::User,
        "PostgreSQL: the user may not connect",
        &[Sql("REVOKE CONNECT ON DATABASE {db} FROM PUBLIC")],
        &[Sql("GRANT CONNECT ON DATABASE {db} TO {user}")],
    ),
    case(
        &[MariaDb, MySql],
        By::User,
        "MySQL, MariaDB: the user has no privilege on the database",
        &[Sql("REVOKE ALL ON {db}.* FROM {user}")],
        &[Sql("GRANT ALL ON {db}.* TO {user}")],
    ),
    case(
        &[MariaDb, MySql],
        By::User,
        "MySQL, MariaDB: the account is locked",
        &[Sql("ALTER USER {user} ACCOUNT LOCK")],
        &[Sql("ALTER USER {user} ACCOUNT UNLOCK")],
    ),
    Case {
        restored: &[Sql(
            "ALTER USER {user} FAILED_LOGIN_ATTEMPTS 0 PASSWORD_LOCK_TIME 0",
        )],
        ..case(
            &[MySql],
            By::User,
            "MySQL: the account is locked after failed logins",
            &[
                Sql("ALTER USER {user} FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME UNBOUNDED"),
                WrongLogin,
            ],
            &[Sql("ALTER USER {user} ACCOUNT UNLOCK")],
        )
    },
    case(
        &[Postgres],
        By::User,
        "PostgreSQL: the role may not log in",
        &[Sql("ALTER ROLE {user} NOLOGIN")],
        &[Sql("ALTER ROLE {user} LOGIN")],
    ),
    case(
        &[Postgres],
        By::User,
        "PostgreSQL: the role has reached its own",
        &[Sql("ALTER ROLE {user} CONNECTION LIMIT 0")],
        &[Sql("ALTER ROLE {user} CONNECTION LIMIT 5")],
    ),
    case(
        &[Postgres, MySql],
        By::User,
        "nothing listens there",
        &[Stop],
        &[Start],
    ),
    case(
        &[Postgres],
        By::User,
        "a firewall or security group drops the packets",
        &[Pause],
        &[Resume],
    ),
    Case {
        restored: &[Sql("ALTER ROLE {user} NOREPLICATION")],
        ..case(
            &[Postgres],
            By::User,
            "PostgreSQL: the role may not change its own password",
            &[Sql("ALTER ROLE {user} REPLICATION")],
            &[SuperusersSecret, Manifest(SUPERUSER)],
        )
    },
    case(
        &[Postgres],
        By::User,
        "all connections of the server are in use",
        &[Hold("SELECT 1", 4)],
        &[EndSessions],
    ),
    case(
        &[MariaDb, MySql],
        By::User,
        "the server is a replica",
        &[Sql("SET GLOBAL read_only = ON")],
        &[Sql("SET GLOBAL read_only = OFF")],
    ),
    case(
        &[Postgres],
        By::User,
        "the server is starting or stopping, or another session holds a lock",
        &[Hold("BEGIN; ALTER ROLE {user} VALID UNTIL '2099-01-01'", 1)],
        &[EndSessions],
    ),
    Case {
        restored: &[Sql(
            "SET GLOBAL general_log = OFF; SET GLOBAL strict_password_validation = ON",
        )],
        ..case(
            &[MariaDb],
            By::User,
            "MariaDB: a plugin must see the password",
            &[Sql("SET GLOBAL general_log = ON")],
            &[Sql("SET GLOBAL general_log = OFF")],
        )
    },
    Case {
        restored: &[Sql("SET GLOBAL simple_password_check_minimal_length = 8")],
        ..case(
            &[MariaDb],
            By::User,
            "the server's rules refuse the password",
            &[Sql("SET GLOBAL simple_password_check_minimal_length = 40")],
            &[Manifest(LONGER)],
        )
    },
    Case {
        restored: &[Sql(
            "UNINSTALL COMPONENT 'file://component_validate_password'",
        )],
        ..case(
            &[MySql],
            By::User,
            "the server's rules refuse the password",
            &[Sql(
                "INSTALL COMPONENT 'file://component_validate_password'; \
                 SET GLOBAL validate_password.length = 40",
            )],
            &[Manifest(LONGER)],
        )
    },
    case(
        &[Postgres],
        By::Administrator,
        "PostgreSQL: the password is wrong",
        &[Sql("ALTER ROLE {admin} VALID UNTIL '2001-01-01'")],
        &[Sql("ALTER ROLE {admin} VALID UNTIL 'infinity'")],
    ),
    case(
        &[Postgres],
        By::Administrator,
        "PostgreSQL: the administrator has no `CREATEROLE`",
        &[Sql("ALTER ROLE {admin} NOCREATEROLE")],
        &[Sql("ALTER ROLE {admin} CREATEROLE")],
    ),
    case(
        &[Postgres],
        By::Administrator,
        "the user was dropped, or was never created; MySQL",
        &[Sql("DROP OWNED BY {user}; DROP ROLE {user}")],
        &[Sql(
            "CREATE ROLE {user} LOGIN; GRANT CONNECT ON DATABASE {db} TO {user}",
        )],
    ),
    case(
        &[MariaDb, MySql],
        By::Administrator,
        "the user was dropped, or was never created; MySQL",
        &[Sql("DROP USER {user}")],
        &[Sql(
            "CREATE USER {user} IDENTIFIED BY 'Any-p4ssword'; GRANT ALL ON {db}.* TO {user}",
        )],
    ),
    case(
        &[MariaDb, MySql],
        By::Administrator,
        "the password is wrong",
        &[AdministratorsPassword("An0ther-one")],
        &[AdministratorsSecret("An0ther-one")],
    ),
    case(
        &[MariaDb, MySql],
        By::Administrator,
        "MySQL, MariaDB: the password has expired",
        &[Sql("ALTER USER {admin} PASSWORD EXPIRE")],
        &[
            AdministratorsPassword("A-n3w-one"),
            AdministratorsSecret("A-n3w-one"),
        ],
    ),
    case(
        &[MariaDb],
        By::Administrator,
        "MariaDB: the administrator may not read how accounts store",
        &[Sql("REVOKE SELECT ON mysql.global_priv FROM {admin}")],
        &[Sql("GRANT SELECT ON mysql.global_priv TO {admin}")],
    ),
    case(
        &[MariaDb],
        By::Administrator,
        "MySQL, MariaDB: the administrator lacks a privilege",
        &[Sql("REVOKE CREATE USER ON *.* FROM {admin}")],
        &[Sql("GRANT CREATE USER ON *.* TO {admin}")],
    ),
    Case {
        restored: &[Sql("REVOKE SYSTEM_USER ON *.* FROM {user}")],
        ..case(
            &[MySql],
            By::Administrator,
            "the user was dropped, or was never created; MySQL",
            &[Sql("GRANT SYSTEM_USER ON *.* TO {user}")],
            &[Sql("GRANT SYSTEM_USER ON *.* TO {admin}")],
        )
    },
    case(
        &[MariaDb],
        By::Administrator,
        "MySQL, MariaDB: the account does not log in with a password",
        &[Sql("ALTER USER {user} IDENTIFIED VIA unix_socket")],
        &[Sql(
            "ALTER USER {user} IDENTIFIED VIA mysql_native_password USING PASSWORD('Any-p4ssword')",
        )],
    ),
    case(
        &[MariaDb],
        By::Administrator,
        "MariaDB: the account may log in with several plugins",
        &[Sql(
            "ALTER USER {user} IDENTIFIED VIA mysql_native_password USING PASSWORD('Any-p4ssword') OR unix_socket",
        )],
        &[Sql(
            "ALTER USER {user} IDENTIFIED VIA mysql_native_password USING PASSWORD('Any-p4ssword')",
        )],
    ),
    Case {
        restored: &[Sql("ALTER ROLE {user} NOSUPERUSER")],
        ..case(
            &[Postgres],
            By::Administrator,
            "PostgreSQL: the user is a superuser",
            &[Sql("ALTER ROLE {user} SUPERUSER")],
            &[Manifest(ITSELF)],
        )
    },
    Case {
        restored: &[Sql("ALTER ROLE {user} NOREPLICATION")],
        ..case(
            &[Postgres],
            By::Administrator,
            "PostgreSQL: the role has `REPLICATION`",
            &[Sql("ALTER ROLE {user} REPLICATION")],
            &[Manifest(SUPERUSER)],
        )
    },
    // The administrator has no rights but those for passwords until here.
    Case {
        settings: ALTERNATE,
        ..case(
            &[MariaDb, MySql],
            By::Administrator,
            "MySQL, MariaDB, with `users`: the administrator may not read",
            &[],
            &[Sql(
                "GRANT SELECT ON mysql.* TO {admin}; GRANT ALL ON {db}.* TO {admin} WITH GRANT OPTION",
            )],
        )
    },
    // The last rotation has made the second user current, so the next one prepares the first.
    Case {
        settings: ALTERNATE,
        ..case(
            &[MariaDb, MySql],
            By::Administrator,
            "MySQL, MariaDB, with `users`: an account of the other user",
            &[Sql(
                "CREATE USER {user elsewhere} IDENTIFIED BY 'Any-p4ssword'",
            )],
            &[Sql("DROP USER {user elsewhere}")],
        )
    },
    Case {
        settings: ALTERNATE,
        ..case(
            &[MySql],
            By::Administrator,
            "MySQL, with `users`: the current user has a partial revoke",
            &[Sql("GRANT SELECT ON *.* TO {admin} WITH GRANT OPTION; \
                 GRANT SELECT ON *.* TO {user}; REVOKE SELECT ON mysql.* FROM {user}")],
            &[Sql("DROP USER {clone}")],
        )
    },
];

/// The cases whose command is the first `keyrota bootstrap`.
pub const WITH_A_BOOTSTRAP: &[Case] = &[
    Case {
        settings: ALTERNATE,
        ..case(
            &[Postgres],
            By::Administrator,
            "PostgreSQL, with `users`: the first user has a setting",
            &[Sql("ALTER ROLE {user} SET shop.note TO 'x'")],
            &[Sql("GRANT SET ON PARAMETER shop.note TO {admin}")],
        )
    },
    // A rotation would change the expired password.
    Case {
        settings: "first_rotation: scheduled",
        ..case(
            &[MariaDb, MySql],
            By::User,
            "MySQL, MariaDB: the password has expired",
            &[Sql("ALTER USER {user} PASSWORD EXPIRE")],
            &[FirstPassword],
        )
    },
    Case {
        settings: "rotate_as: ops/dba\ncreate_user: true\ngrants: ['CREATE ON DATABASE {db}']",
        ..case(
            &[Postgres],
            By::Administrator,
            "the administrator may not grant one of",
            &[Sql("DROP OWNED BY {user}; DROP ROLE {user}")],
            &[Sql(
                "GRANT CREATE ON DATABASE {db} TO {admin} WITH GRANT OPTION",
            )],
        )
    },
    Case {
        settings: "rotate_as: ops/dba\ncreate_user: true\ngrants: ['SELECT ON {db}.*']",
        ..case(
            &[MariaDb, MySql],
            By::Administrator,
            "the administrator may not grant one of",
            &[Sql("DROP USER {user}; GRANT SELECT ON mysql.* TO {admin}")],
            &[Sql("GRANT SELECT ON {db}.* TO {admin} WITH GRANT OPTION")],
        )
    },
    Case {
        settings: "rotate_as: ops/dba\ncreate_user: true\nroles: [readers]",
        ..case(
            &[Postgres],
            By::Administrator,
            "what one of `grants` or `roles` names does not exist",
            &[Sql("DROP OWNED BY {user}; DROP ROLE {user}")],
            &[Sql("CREATE ROLE readers")],
        )
    },
];

/// The rows that are carried out elsewhere, or that cannot be produced here, and why.
pub const ELSEWHERE: &[(&str, By, &str)] = &[
    (
        "PostgreSQL 16 and later: the administrator has `CREATEROLE`",
        By::Administrator,
        "engine::remedies, on these versions",
    ),
    (
        "the host's name cannot be resolved",
        By::User,
        "engine::network: every other test has a name with an address",
    ),
    (
        "TLS is off on the server",
        By::User,
        "engine::tls: every other test has a server with TLS",
    ),
    (
        "another authority, another name",
        By::User,
        "engine::tls: every other test has the right certificate",
    ),
    (
        "the server asks for the password itself",
        By::User,
        "engine::postgres, engine::mariadb: with and without proof",
    ),
    (
        "MySQL, MariaDB: the account has reached one of its own limits",
        By::User,
        "engine::remedies: a stack would wait an hour",
    ),
    (
        "a pooler in front of the server",
        By::User,
        "engine::pooler: its server is stopped and started",
    ),
    (
        "the connection broke after the change was sent",
        By::User,
        "database::outage and database::cut",
    ),
    (
        "MySQL, MariaDB: no account is for the host",
        By::User,
        "not produced: the tests' servers have an account for every host",
    ),
    (
        "MySQL, MariaDB: the server blocks the function's host",
        By::User,
        "not produced: servers do not count the errors of the loopback address",
    ),
    (
        "MySQL: the account requires a second factor",
        By::User,
        "not produced: no plugin for a second factor can be installed here",
    ),
    (
        "MySQL, MariaDB: the administrator may not read which accounts",
        By::Administrator,
        "engine::remedies",
    ),
    (
        "MySQL, MariaDB: the user's name has several accounts",
        By::User,
        "engine::remedies; database::hosts, where it is refused before the change",
    ),
    (
        "the user may not change its own password",
        By::User,
        "not produced: none of the servers denies it",
    ),
    (
        "the administrator may not change this user's password",
        By::Administrator,
        "not produced: each known cause has a row of its own",
    ),
    (
        "the user was dropped, or was never created",
        By::User,
        "not produced: the user would have to be dropped between the login and the change",
    ),
    (
        "another reason",
        By::User,
        "not produced: each known cause has a row of its own",
    ),
    (
        "anything else, with the server's code",
        By::User,
        "not produced: no cause is known",
    ),
];
