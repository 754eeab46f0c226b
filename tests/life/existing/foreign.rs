//! Secrets of databases that AWS's own rotation functions and Amazon RDS have written.

use serde_json::json;

use crate::environment::TestEnvironment;

/// What Amazon RDS writes for a database, besides the password.
#[tokio::test]
async fn a_login_for_another_server_or_database_is_refused() {
    let test = TestEnvironment::new().await;
    let login = json!({
        "username": "orders_app", "password": "a-password", "engine": "postgres",
        "host": "orders.example.com", "port": 5433, "dbname": "orders", "dbInstanceIdentifier": "orders",
    });
    test.make_secret("prod/orders", &login.to_string()).await;
    for (fields, finding) in [
        (
            "host: other.example.com, port: 5433, dbname: orders",
            "other-server secret prod/orders",
        ),
        (
            "host: orders.example.com, dbname: orders",
            "other-server secret prod/orders",
        ),
        (
            "host: orders.example.com, port: 5433",
            "other-server secret prod/orders",
        ),
        (
            "host: orders.example.com, port: 5433, dbname: orders, username: other",
            "other-login secret prod/orders",
        ),
    ] {
        let user = match fields.contains("username") {
            true => "",
            false => "username: orders_app, ",
        };
        test.manifest(&format!(
            "version: 1\nstack: keys\ndatabases: [{{ secret: prod/orders, adopt: true, engine: postgres, {user}{fields} }}]\n"
        ));
        let plan = "plan --function-zip function.zip --format json";
        let ran = test.changes_nothing(plan).await;
        assert_eq!(ran.findings(), [finding], "{ran}");
        assert!(!ran.stdout.contains("a-password"));
    }
}
