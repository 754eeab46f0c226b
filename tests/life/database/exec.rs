//! `exec` with the engines' own clients, through rotations.

use super::bench::{self, Engine};
use super::site::Site;

/// Runs a client through the shell, so that what is in its environment may also
/// stand in its arguments, where it has no variable for that.
async fn works_through_rotations(engine: Engine, client: &str, script: &str) {
    let site = Site::bootstrapped(bench::shared(engine), "").await;
    let program = site.server.program(client);
    let exec = async || {
        let mut command = site.world.program("exec prod/orders-db -- sh -c");
        command
            .arg(script)
            .env("CLIENT", &program)
            .env("PGSSLROOTCERT", site.server.authority())
            .env("AUTHORITY", site.server.authority());
        site.world.run("exec", command).await
    };
    for _ in 0..3 {
        let ran = exec().await.exits(0);
        let told = format!("{} at {}", site.user.name, site.user.dbname);
        assert!(ran.stdout.contains(&told), "{ran}");
        site.rotates().await;
    }
    // The exit code is the client's, which is refused here.
    bench::set_password(&site.server, &site.user, "Set-by-hand-1");
    let ran = exec().await;
    assert!(matches!(ran.code, Some(1 | 2)), "{ran}");
}

#[tokio::test]
async fn psql() {
    let script = r#"exec "$CLIENT" --no-psqlrc --no-password -tAc \
        "SELECT current_user || ' at ' || current_database()""#;
    works_through_rotations(Engine::Postgres, "psql", script).await;
}

/// The client has variables for all but the user and the database.
#[tokio::test]
async fn mariadb() {
    let script = r#"exec "$CLIENT" --no-defaults --protocol=tcp --raw --batch \
        --ssl-ca="$AUTHORITY" --ssl-verify-server-cert --user="$MYSQL_USER" \
        --execute "SELECT CONCAT(SUBSTRING_INDEX(USER(), '@', 1), ' at ', DATABASE())" \
        "$MYSQL_DATABASE""#;
    works_through_rotations(Engine::MariaDb, "mariadb", script).await;
}
