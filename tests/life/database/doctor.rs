//! The faults that `doctor` finds in a database's secret, and those that the function
//! fixes.

use serde_json::{Value, json};

use super::client::Refused;
use super::site::{SECRET, Site};
use super::test_server::{self, Engine, FIRST};

const DOCTOR: &str = "doctor --format json";
const FIX: &str = "doctor --fix --yes --format json";

/// Returns the ID of each finding and whether it was fixed, and the first one's evidence.
async fn found(site: &Site, arguments: &str, code: i32) -> (Vec<(String, bool)>, String) {
    let ran = match arguments {
        DOCTOR => site.test.changes_nothing(DOCTOR).await,
        _ => site.test.keyrota(arguments).await,
    };
    let document = ran.exits(code).json();
    let findings = document["findings"].as_array().expect("findings");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ids = findings
        .iter()
        .map(|it| (text(&it["id"]), it["fixed"] == true));
    let first = findings
        .first()
        .map_or(String::new(), |it| text(&it["evidence"]));
    (ids.collect(), first)
}

#[tokio::test]
async fn a_password_that_does_not_work_is_found_and_one_that_was_broken_off_repaired() {
    let site = Site::bootstrapped(test_server::shared(Engine::Postgres), "").await;
    assert_eq!(found(&site, DOCTOR, 0).await.0, []);

    // A rotation that was cancelled after its password was sent.
    let mut value = site.value("AWSCURRENT").await;
    let sent = "sent-and-broken-off";
    value["password"] = sent.into();
    site.test.conceal(sent);
    let request = site.test.secretsmanager.put_secret_value();
    let request = request.secret_id(SECRET).version_stages("KEYROTA_SETTING");
    let request = request.secret_string(value.to_string());
    request.send().await.expect("the value is stored");
    test_server::set_password(&site.server, &site.user, sent);
    assert_eq!(site.log_in("AWSCURRENT").await, Err(Refused::Wrong));
    let (ids, evidence) = found(&site, DOCTOR, 5).await;
    let both = ["credential-refused", "password-broken-off"];
    assert_eq!(ids, both.map(|id| (id.to_owned(), false)));
    assert!(evidence.contains("password is wrong"), "{evidence}");
    let (ids, _) = found(&site, FIX, 0).await;
    assert_eq!(ids, both.map(|id| (id.to_owned(), true)));
    assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));

    // A password that a person set must be corrected by a person: no version has it.
    test_server::set_password(&site.server, &site.user, "set-by-hand");
    let (ids, _) = found(&site, DOCTOR, 5).await;
    assert_eq!(ids, [("credential-refused".to_owned(), false)]);
    let (ids, _) = found(&site, FIX, 5).await;
    assert_eq!(ids, [("credential-refused".to_owned(), false)]);
    let password = site.value("AWSCURRENT").await["password"].clone();
    let password = password.as_str().expect("a password");
    test_server::set_password(&site.server, &site.user, password);
    assert_eq!(found(&site, DOCTOR, 0).await.0, []);
    site.test.check_logs_for_secrets().await;
}

/// Stores a text as a person does by mistake.
async fn damage(site: &Site) {
    let request = site.test.secretsmanager.put_secret_value();
    let request = request.secret_id(SECRET).secret_string("damaged");
    request.send().await.expect("the value is stored");
}

#[tokio::test]
async fn a_damaged_value_gives_way_to_the_one_before() {
    let site = Site::bootstrapped(test_server::shared(Engine::Postgres), "").await;
    for _ in 0..2 {
        damage(&site).await;
        let (ids, _) = found(&site, FIX, 0).await;
        assert!(
            ids.contains(&("value-unusable".to_owned(), true)),
            "{ids:?}"
        );
        assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));
        assert_eq!(found(&site, DOCTOR, 0).await.0, []);
        site.rotates().await;
    }
}

/// The function, which alone reaches the server, has the administrator set a new password.
#[tokio::test]
async fn a_login_that_no_version_has_is_set_by_the_administrator() {
    let server = test_server::shared(Engine::Postgres);
    let administrator = test_server::make_user(server);
    let quoted = test_server::quoted(server, &administrator.name);
    test_server::sql(server, &format!("ALTER ROLE {quoted} CREATEROLE"));
    let site = Site::new(server).await;
    let value = json!({
        "engine": "postgres", "host": "localhost", "port": server.port(),
        "dbname": administrator.dbname, "username": administrator.name, "password": FIRST,
    });
    let arn = site.test.make_secret("ops/dba", &value.to_string()).await;
    site.manifest("rotate_as: ops/dba");
    site.bootstrap().await.exits(0);
    let mut value = site.value("AWSCURRENT").await;
    value["pool"] = 7.into();
    site.test.store(SECRET, &value).await;
    for damaged in [false, true] {
        test_server::set_password(server, &site.user, "f0rgotten by all");
        if damaged {
            damage(&site).await;
        }
        let (ids, _) = found(&site, FIX, 0).await;
        let id = if damaged {
            "value-unusable"
        } else {
            "credential-refused"
        };
        assert!(ids.contains(&(id.to_owned(), true)), "{ids:?}");
        assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));
        let value = site.value("AWSCURRENT").await;
        assert_eq!(value["masterarn"], arn);
        assert_eq!(value["pool"], 7);
        assert_eq!(found(&site, DOCTOR, 0).await.0, []);
        site.rotates().await;
    }
    site.test.check_logs_for_secrets().await;
}

/// Returns the findings of `doctor`, each with its ID, evidence, and remedy.
async fn findings(site: &Site, arguments: &str, code: i32) -> Vec<[String; 3]> {
    let document = site.test.keyrota(arguments).await.exits(code).json();
    let all = document["findings"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    all.iter()
        .map(|it| ["id", "evidence", "remedy"].map(|field| text(&it[field])))
        .collect()
}

#[tokio::test]
async fn a_role_that_is_valid_until_a_date_is_found_before_that() {
    let site = Site::bootstrapped(test_server::shared(Engine::Postgres), "").await;
    assert_eq!(findings(&site, DOCTOR, 0).await, [[""; 3]; 0]);
    let name = test_server::quoted(&site.server, &site.user.name);
    let valid = |until: &str| {
        let statement = format!("ALTER ROLE {name} VALID UNTIL {until}");
        test_server::sql(&site.server, &statement);
    };
    let date = test_server::sql(&site.server, "SELECT (now() + interval '3 days')::date");
    valid(&format!("'{} 12:00:00+00'", date.trim()));
    for arguments in [DOCTOR, "status --check --format json"] {
        let found = findings(&site, arguments, 5).await;
        let [[id, evidence, remedy]] = found.as_slice() else {
            panic!("{found:#?}");
        };
        assert_eq!(id, "password-expires");
        let date = format!("{}T12:00:00Z", date.trim());
        assert!(evidence.contains(&date), "{date}: {evidence}");
        assert!(remedy.contains("VALID UNTIL"), "{remedy}");
    }
    // A rotation does not move it.
    site.test.keyrota("rotate").await.exits(0);
    assert_eq!(findings(&site, DOCTOR, 5).await[0][0], "password-expires");
    valid("'infinity'");
    assert_eq!(findings(&site, DOCTOR, 0).await, [[""; 3]; 0]);
}

#[tokio::test]
async fn a_server_that_is_not_reached_is_named() {
    let mut site = Site::bootstrapped(test_server::start(Engine::Postgres, &[]), "").await;
    site.server.owned().stop();
    for arguments in [DOCTOR, "status --check --format json"] {
        let found = findings(&site, arguments, 5).await;
        let [[id, evidence, remedy]] = found.as_slice() else {
            panic!("{found:#?}");
        };
        assert_eq!(id, "rotation-rehearsal-failed");
        assert!(
            evidence.contains("database:LogIn by the user"),
            "{evidence}"
        );
        assert!(evidence.contains("(tested, unreachable)"), "{evidence}");
        assert!(remedy.contains("let the function reach"), "{remedy}");
    }
}
