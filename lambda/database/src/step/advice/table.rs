//! The table of causes and remedies. The first row that fits applies.

use super::{Row, Signer};
use crate::server::ServerFault as Fault;

pub(super) const ROWS: &[Row] = &[
    Row {
        fault: Fault::WrongCredentials,
        codes: &["28P01"],
        by: Some(Signer::User),
        cause: "PostgreSQL: the password is wrong, is past its `VALID UNTIL`, or there is no such role",
        remedy: "check that the user exists and that its `VALID UNTIL` is not over, then give it AWSCURRENT's \
                 password by hand, or store the right one as AWSCURRENT (enter it if it is the first), and \
                 rotate again",
    },
    Row {
        fault: Fault::WrongCredentials,
        codes: &["28P01"],
        by: Some(Signer::Administrator),
        cause: "PostgreSQL: the password is wrong, is past its `VALID UNTIL`, or there is no such role",
        remedy: "store the administrator's current password in that secret, or extend the administrator's \
                 `VALID UNTIL` if it is over, then rotate again",
    },
    Row {
        fault: Fault::WrongCredentials,
        codes: &[],
        by: Some(Signer::User),
        cause: "the password is wrong, or there is no such user",
        remedy: "check that the user exists, then give it AWSCURRENT's password by hand, or store the right one \
                 as AWSCURRENT (enter it if it is the first), and rotate again",
    },
    Row {
        fault: Fault::WrongCredentials,
        codes: &[],
        by: Some(Signer::Administrator),
        cause: "the password is wrong, or there is no such user",
        remedy: "store the administrator's current password in that secret, then rotate again",
    },
    Row {
        fault: Fault::PasswordExpired,
        codes: &[],
        by: Some(Signer::User),
        cause: "MySQL, MariaDB: the password has expired",
        remedy: "set a new password of the user on the server, which ends the expiry, and store it as \
                 AWSCURRENT, or enter it as the first password, then repeat the command",
    },
    Row {
        fault: Fault::PasswordExpired,
        codes: &[],
        by: Some(Signer::Administrator),
        cause: "MySQL, MariaDB: the password has expired",
        remedy: "set a new password of the administrator on the server, which ends the expiry, and store it \
                 in that secret, then rotate again",
    },
    Row {
        fault: Fault::LoginForbidden,
        codes: &["3D000", "1049"],
        by: None,
        cause: "the database does not exist",
        remedy: "correct `dbname` in the manifest and run `keyrota bootstrap`, or create the database, then \
                 rotate again",
    },
    Row {
        fault: Fault::LoginForbidden,
        codes: &["42501"],
        by: None,
        cause: "PostgreSQL: the user may not connect to the database",
        remedy: "grant it CONNECT on the database, then rotate again",
    },
    Row {
        fault: Fault::LoginForbidden,
        codes: &["1044"],
        by: None,
        cause: "MySQL, MariaDB: the user has no privilege on the database",
        remedy: "grant it a privilege on the database, or correct `dbname` in the manifest and run \
                 `keyrota bootstrap`, then rotate again",
    },
    Row {
        fault: Fault::LoginForbidden,
        codes: &["3118", "4151"],
        by: None,
        cause: "MySQL, MariaDB: the account is locked",
        remedy: "unlock the account with ALTER USER … ACCOUNT UNLOCK, then rotate again",
    },
    Row {
        fault: Fault::LoginForbidden,
        codes: &["3955"],
        by: None,
        cause: "MySQL: the account is locked after failed logins",
        remedy: "find out who logs in with a wrong password, unlock the account with \
                 ALTER USER … ACCOUNT UNLOCK, then rotate again",
    },
    Row {
        fault: Fault::LoginForbidden,
        codes: &["28000"],
        by: None,
        cause: "PostgreSQL: the role may not log in, or `pg_hba.conf` refuses it",
        remedy: "give the role LOGIN with ALTER ROLE, and check that pg_hba.conf lets it in from the function's \
                 network, then rotate again",
    },
    Row {
        fault: Fault::LoginForbidden,
        codes: &["1130"],
        by: None,
        cause: "MySQL, MariaDB: no account is for the host that the function connects from",
        remedy: "create an account for the function's network, such as one for the hosts '%', then rotate again",
    },
    Row {
        fault: Fault::LoginForbidden,
        codes: &["1129"],
        by: None,
        cause: "MySQL, MariaDB: the server blocks the function's host after `max_connect_errors`",
        remedy: "find out which connections from there fail, run FLUSH HOSTS or \
                 TRUNCATE performance_schema.host_cache, then rotate again",
    },
    Row {
        fault: Fault::LoginForbidden,
        codes: &["second factor"],
        by: None,
        cause: "MySQL: the account requires a second factor",
        remedy: "remove the second factor with ALTER USER … DROP 2 FACTOR, then rotate again",
    },
    Row {
        fault: Fault::LoginForbidden,
        codes: &[],
        by: None,
        cause: "another reason",
        remedy: "check that the user may log in from the function's network, then rotate again",
    },
    Row {
        fault: Fault::PluginUnsupported,
        codes: &[],
        by: None,
        cause: "MySQL, MariaDB: the account does not log in with a password that the server stores, or stores it in \
                another way than the function knows",
        remedy: "with ALTER USER, give the account a plugin that stores a password: caching_sha2_password on MySQL, \
                 mysql_native_password or ed25519 on MariaDB; then rotate again",
    },
    Row {
        fault: Fault::UserLimit,
        codes: &["53300"],
        by: None,
        cause: "PostgreSQL: the role has reached its own `CONNECTION LIMIT`",
        remedy: "close sessions of this user, or raise its limit with ALTER ROLE … CONNECTION LIMIT; it is \
                 tried again",
    },
    Row {
        fault: Fault::UserLimit,
        codes: &[],
        by: None,
        cause: "MySQL, MariaDB: the account has reached one of its own limits",
        remedy: "close sessions of this user, or raise its limit with ALTER USER … WITH (for 1203, \
                 max_user_connections of the server applies if the account has none); it is tried again",
    },
    Row {
        fault: Fault::Pooler,
        codes: &[],
        by: None,
        cause: "a pooler in front of the server did not get to test the password, or has no connection to the \
                server",
        remedy: "see the pooler's log, and that it reaches the server; it is tried again",
    },
    Row {
        fault: Fault::NameUnknown,
        codes: &[],
        by: None,
        cause: "the host's name cannot be resolved",
        remedy: "check `host` in the manifest and that the function's VPC resolves it; it is tried again",
    },
    Row {
        fault: Fault::Unreachable,
        codes: &[],
        by: None,
        cause: "nothing listens there, or there is no route",
        remedy: REACH,
    },
    Row {
        fault: Fault::TimedOut,
        codes: &[],
        by: None,
        cause: "a firewall or security group drops the packets, or the server hangs",
        remedy: REACH,
    },
    Row {
        fault: Fault::NoTls,
        codes: &[],
        by: None,
        cause: "TLS is off on the server",
        remedy: "turn TLS on on the server; a password is never sent without it",
    },
    Row {
        fault: Fault::Untrusted,
        codes: &[
            "password in clear text",
            "caching_sha2_password",
            "sha256_password",
        ],
        by: None,
        cause: "the server asks for the password itself, and `tls` does not prove which server it is",
        remedy: "set `tls: verify-full` in the manifest and run `keyrota bootstrap`, or let the account log in with \
                 scram-sha-256 (PostgreSQL) or caching_sha2_password (MySQL)",
    },
    Row {
        fault: Fault::Untrusted,
        codes: &[],
        by: None,
        cause: "another authority, another name, or a certificate that is over",
        remedy: "check `host`, `tls` and `tls_ca` in the manifest against the server's certificate, then \
                 `keyrota bootstrap`",
    },
    Row {
        fault: Fault::Busy,
        codes: &["53300", "1040"],
        by: None,
        cause: "all connections of the server are in use",
        remedy: "it is tried again; if that lasts, close idle sessions, or raise max_connections of the server",
    },
    Row {
        fault: Fault::Busy,
        codes: &["25006", "1290", "1792", "1836"],
        by: None,
        cause: "the server is a replica, or is read-only",
        remedy: "name the server that takes changes as `host` in the manifest and run `keyrota bootstrap`, or \
                 make this one writable; it is tried again",
    },
    Row {
        fault: Fault::Busy,
        codes: &[],
        by: None,
        cause: "the server is starting or stopping, or another session holds a lock",
        remedy: "it is tried again",
    },
    Row {
        fault: Fault::Unclear,
        codes: &[],
        by: None,
        cause: "the connection broke after the change was sent",
        remedy: "it is tried again",
    },
    Row {
        fault: Fault::PasswordRefused,
        codes: &[],
        by: None,
        cause: "the server's rules refuse the password",
        remedy: "check `password` in the manifest against the server's rules, then `keyrota bootstrap`",
    },
    Row {
        fault: Fault::NoCreateRole,
        codes: &[],
        by: None,
        cause: "PostgreSQL: the administrator has no `CREATEROLE`",
        remedy: "as a superuser, run ALTER ROLE … CREATEROLE for the administrator (from PostgreSQL 16 on, \
                 also GRANT the user's role to it WITH ADMIN TRUE, INHERIT FALSE, SET FALSE), then rotate again",
    },
    Row {
        fault: Fault::NoAdminOption,
        codes: &[],
        by: None,
        cause: "PostgreSQL 16 and later: the administrator has `CREATEROLE`, but no `ADMIN` option on the user's role",
        remedy: "as a superuser, GRANT the user's role to the administrator \
                 WITH ADMIN TRUE, INHERIT FALSE, SET FALSE, then rotate again",
    },
    Row {
        fault: Fault::SuperuserNeeded,
        codes: &[],
        by: None,
        cause: "PostgreSQL: the user is a superuser, whose password only a superuser may change",
        remedy: "set `rotate_as` in the manifest to `self`, or to the secret of a superuser, and run `keyrota \
                 bootstrap`, then rotate again",
    },
    Row {
        fault: Fault::RightsNotGranted,
        codes: &["42501"],
        by: None,
        cause: "PostgreSQL, with `users`: the first user has a setting (`ALTER ROLE … SET`) that only a superuser may give to the second one",
        remedy: "as a superuser, GRANT SET ON PARAMETER … TO the administrator for this parameter (PostgreSQL 15 and \
                 later), or create the second user and its settings by hand, then rotate again",
    },
    Row {
        fault: Fault::RightsNotGranted,
        codes: &[],
        by: None,
        cause: "MySQL, MariaDB, with `users`: the administrator may not read the user's rights, not create the \
                other user, or not grant it these rights",
        remedy: "grant the administrator CREATE USER on *.*, SELECT on mysql.*, and the rights of the current \
                 user WITH GRANT OPTION (roles WITH ADMIN OPTION), then rotate again",
    },
    Row {
        fault: Fault::AccountsDiffer,
        codes: &[],
        by: None,
        cause: "MySQL, MariaDB, with `users`: an account of the other user would keep its password, and serve clients on its hosts",
        remedy: "drop that account, or create one of the current user for the same hosts and set `hosts: all` in the \
                 manifest and run `keyrota bootstrap`, then rotate again",
    },
    Row {
        fault: Fault::NotAllowed,
        codes: &["1142"],
        by: Some(Signer::Administrator),
        cause: "MariaDB: the administrator may not read how accounts store their passwords",
        remedy: "grant the administrator SELECT on mysql.global_priv, then rotate again",
    },
    Row {
        fault: Fault::NotAllowed,
        codes: &["1227"],
        by: Some(Signer::Administrator),
        cause: "MySQL, MariaDB: the administrator lacks a privilege",
        remedy: "grant the administrator CREATE USER on *.*, and on MySQL 8 SYSTEM_USER if the user has it, \
                 then rotate again",
    },
    Row {
        fault: Fault::NotAllowed,
        codes: &["accounts not readable"],
        by: Some(Signer::Administrator),
        cause: "MySQL, MariaDB: the administrator may not read which accounts the user's name has",
        remedy: "grant the administrator SELECT on mysql.*, then rotate again",
    },
    Row {
        fault: Fault::NotAllowed,
        codes: &["several accounts"],
        by: None,
        cause: "MySQL, MariaDB: the user's name has several accounts, each with its own password",
        remedy: "set `hosts: all` in the manifest and run `keyrota bootstrap`, or drop the other accounts, then \
                 rotate again",
    },
    Row {
        fault: Fault::NotAllowed,
        codes: &["several plugins"],
        by: None,
        cause: "MariaDB: the account may log in with several plugins, of which a change would remove all but one",
        remedy: "give the account one plugin with ALTER USER … IDENTIFIED VIA, then rotate again",
    },
    Row {
        fault: Fault::NotAllowed,
        codes: &["general_log"],
        by: None,
        cause: "MariaDB: a plugin must see the password, and `general_log` would write it down",
        remedy: "SET GLOBAL general_log = OFF, or SET GLOBAL strict_password_validation = OFF, then rotate again",
    },
    Row {
        fault: Fault::NotAllowed,
        codes: &["partial revoke"],
        by: None,
        cause: "MySQL, with `users`: the current user has a partial revoke, which would take a right from the other user",
        remedy: "drop the other user, which the rotation creates again with the same rights, then rotate again",
    },
    Row {
        fault: Fault::NotAllowed,
        codes: &["42501"],
        by: Some(Signer::User),
        cause: "PostgreSQL: the role may not change its own password: before 16, a role with `REPLICATION`; on \
                Amazon RDS, if `rds.restrict_password_commands` is set",
        remedy: "set `rotate_as` in the manifest to the secret of a user that may change it (a superuser, or a \
                 member of `rds_password` on Amazon RDS) and run `keyrota bootstrap`, then rotate again",
    },
    Row {
        fault: Fault::NotAllowed,
        codes: &[],
        by: Some(Signer::User),
        cause: "the user may not change its own password",
        remedy: "allow the user to change its own password, or set `rotate_as` in the manifest to the secret of an \
                 administrator and run `keyrota bootstrap`, then rotate again",
    },
    Row {
        fault: Fault::NotAllowed,
        codes: &["42501"],
        by: Some(Signer::Administrator),
        cause: "PostgreSQL: the role has `REPLICATION` or `BYPASSRLS`, and the administrator may not change such roles",
        remedy: "set `rotate_as` in the manifest to the secret of a superuser and run `keyrota bootstrap`, or (from \
                 PostgreSQL 16 on) give the administrator the same attribute, then rotate again",
    },
    Row {
        fault: Fault::NotAllowed,
        codes: &[],
        by: Some(Signer::Administrator),
        cause: "the administrator may not change this user's password",
        remedy: "allow it to the administrator, then rotate again",
    },
    Row {
        fault: Fault::UserUnknown,
        codes: &[],
        by: Some(Signer::Administrator),
        cause: "the user was dropped, or was never created; MySQL: or the administrator has no `CREATE USER`, \
                or not the user's `SYSTEM_USER`, without which it does not see the user",
        remedy: "create the user on the server if it does not exist, or let the function create it with \
                 `create_user`, or remove its entry from the manifest; if it exists, on MySQL grant the administrator CREATE USER on *.*, and SYSTEM_USER if the user has it; then rotate again",
    },
    Row {
        fault: Fault::UserUnknown,
        codes: &[],
        by: None,
        cause: "the user was dropped, or was never created",
        remedy: "create the user on the server, or remove its entry from the manifest",
    },
    Row {
        fault: Fault::RightsRefused,
        codes: &[
            "42501", "01007", "1044", "1142", "1143", "1227", "1370", "3523", "3567",
        ],
        by: None,
        cause: "the administrator may not grant one of `grants` or `roles`",
        remedy: "give the administrator each of these privileges WITH GRANT OPTION, and each of these roles WITH \
                 ADMIN OPTION, then rotate again",
    },
    Row {
        fault: Fault::RightsRefused,
        codes: &[],
        by: None,
        cause: "what one of `grants` or `roles` names does not exist, or it is not valid on this server",
        remedy: "create it on the server, or correct `grants` and `roles` in the manifest and run \
                 `keyrota bootstrap`",
    },
    Row {
        fault: Fault::Refused,
        codes: &[],
        by: None,
        cause: "anything else, with the server's code",
        remedy: "see the server's log for this code, then rotate again",
    },
];

const REACH: &str = "check `host`, `port` and `network` in the manifest, and that the server's security \
                     group lets the function's in; it is tried again";
