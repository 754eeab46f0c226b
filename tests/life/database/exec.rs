//! `exec` with the engines' own clients, through rotations.

use super::bench::{self, Engine};
use super::site::Site;
use crate::world::REGION;

/// Runs a client that is told nothing but the query, and the authority where it
/// has no variable for that.
async fn works_through_rotations(engine: Engine, client: &str, arguments: &str, query: &str) {
    let site = Site::bootstrapped(bench::shared(engine), "").await;
    let client = site.server.program(client).display().to_string();
    let authority = site.server.authority().display().to_string();
    for _ in 0..3 {
        let mut command = site.world.program("exec prod/orders-db --");
        command
            .arg(&client)
            .args(
                arguments
                    .replace("AUTHORITY", &authority)
                    .split_whitespace(),
            )
            .arg(query)
            .env("PGSSLROOTCERT", &authority)
            .env("AWS_REGION", REGION);
        let ran = site.world.run("exec", command).await.exits(0);
        let told = format!("{} {}", site.user.name, site.user.dbname);
        assert!(ran.stdout.contains(&told), "{ran}");
        site.rotates().await;
    }
    // The client's exit code is the command's: here it is refused.
    let current = site.value("AWSCURRENT").await;
    bench::set_password(&site.server, &site.user, "set-by-hand-1");
    let mut command = site.world.program("exec prod/orders-db --");
    command
        .arg(&client)
        .args(
            arguments
                .replace("AUTHORITY", &authority)
                .split_whitespace(),
        )
        .arg(query)
        .env("PGSSLROOTCERT", &authority);
    let ran = site.world.run("exec", command).await;
    assert!(matches!(ran.code, Some(1 | 2)), "{ran}");
    let password = current["password"].as_str().expect("a password");
    bench::set_password(&site.server, &site.user, password);
}

#[tokio::test]
async fn psql() {
    let query = "SELECT current_user || ' ' || current_database()";
    works_through_rotations(
        Engine::Postgres,
        "psql",
        "--no-psqlrc --no-password -tAc",
        query,
    )
    .await;
}

#[tokio::test]
async fn mariadb() {
    let options = "--no-defaults --protocol=tcp --raw --ssl-ca=AUTHORITY \
                   --ssl-verify-server-cert --batch -e";
    let query = "SELECT CONCAT(SUBSTRING_INDEX(USER(), '@', 1), ' ', DATABASE())";
    works_through_rotations(Engine::MariaDb, "mariadb", options, query).await;
}
