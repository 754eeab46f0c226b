//! `exec` with the engines' own clients, during rotations.

use std::os::unix::fs::PermissionsExt;

use super::site::Site;
use super::test_server::{self, Engine};

/// Runs a client in a shell, so that a variable can be passed as an argument if the client has
/// no variable for it.
async fn works_through_rotations(engine: Engine, client: &str, script: &str) {
    let site = Site::bootstrapped(test_server::shared(engine), "").await;
    let program = site.server.program(client);
    let exec = async || {
        let mut command = site.test.program("exec prod/orders-db -- sh -c");
        command
            .arg(script)
            .env("CLIENT", &program)
            .env("PGSSLROOTCERT", site.server.authority())
            .env("AUTHORITY", site.server.authority());
        site.test.run("exec", command).await
    };
    for _ in 0..3 {
        let ran = exec().await.exits(0);
        let told = format!("{} at {}", site.user.name, site.user.dbname);
        assert!(ran.stdout.contains(&told), "{ran}");
        site.rotates().await;
    }
    // The exit code is that of the client, which is refused here.
    test_server::set_password(&site.server, &site.user, "Set-by-hand-1");
    let ran = exec().await;
    assert!(matches!(ran.code, Some(1 | 2)), "{ran}");
}

#[tokio::test]
async fn psql() {
    let script = r#"exec "$CLIENT" --no-psqlrc --no-password -tAc \
        "SELECT current_user || ' at ' || current_database()""#;
    works_through_rotations(Engine::Postgres, "psql", script).await;
}

/// The client has variables for everything except the user and the database.
#[tokio::test]
async fn mariadb() {
    let script = r#"exec "$CLIENT" --no-defaults --default-character-set=utf8mb4 --protocol=tcp --raw --batch \
        --ssl-ca="$AUTHORITY" --ssl-verify-server-cert --user="$MYSQL_USER" \
        --execute "SELECT CONCAT(SUBSTRING_INDEX(USER(), '@', 1), ' at ', DATABASE())" \
        "$MYSQL_DATABASE""#;
    works_through_rotations(Engine::MariaDb, "mariadb", script).await;
}

/// Runs a client without TLS options, except for trusted certificates. The option file
/// that `exec` writes must make it require TLS.
async fn asks_for_tls(engine: Engine, client: &str) {
    let site = Site::bootstrapped(test_server::shared(engine), "").await;
    let exec = async |arguments: &str| {
        let script = format!(
            r#"exec "$CLIENT" --protocol=tcp --raw --batch --skip-column-names \
                --user="$MYSQL_USER" {arguments} --execute "SHOW STATUS LIKE 'Ssl_cipher'""#
        );
        let mut command = site.test.program("exec prod/orders-db -- sh -c");
        command
            .arg(script)
            .env("CLIENT", site.server.program(client))
            .env("AUTHORITY", site.server.authority());
        site.test.run("exec", command).await
    };
    let ran = exec(r#"--ssl-ca="$AUTHORITY""#).await.exits(0);
    let (_, cipher) = ran.stdout.trim_end().split_once('\t').expect("a cipher");
    assert!(!cipher.is_empty(), "{ran}");
    assert_eq!(ran.stderr, "", "no client warns of an option");
    // No trusted authority has signed the server's certificate.
    let ran = exec("").await.exits(1);
    assert!(ran.stderr.to_lowercase().contains("certificate"), "{ran}");

    // Only the user can read the folders, and they contain nothing secret.
    let cache = site.test.home.file(".cache/keyrota");
    let mut files = 0;
    for folder in std::fs::read_dir(cache).expect("the cache").flatten() {
        let mode = folder.metadata().expect("a folder").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        #[expect(
            clippy::disallowed_methods,
            reason = "a test looks at what was written"
        )]
        let text = std::fs::read_to_string(folder.path().join("my.cnf")).expect("a file");
        assert!(text.contains("ssl-verify-server-cert"), "{text}");
        files += 1;
    }
    assert_eq!(files, 2);
}

#[tokio::test]
async fn mariadb_asks_for_tls() {
    asks_for_tls(Engine::MariaDb, "mariadb").await;
}

#[tokio::test]
async fn mysql_asks_for_tls() {
    asks_for_tls(Engine::MySql, "mysql").await;
}
