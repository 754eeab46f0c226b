//! The old password, if the server retains it: it is discarded when its time is over, and
//! can be restored until then.

use super::client::{Refused, log_in};
use super::site::{SECRET, Site};
use super::test_server::{self, Engine};

const RESTORE: &str = "rotate --restore-previous prod/orders-db --format json";

/// Bootstraps a user of MySQL whose password before is retained.
async fn retaining(settings: &str) -> Site {
    let site = Site::new(test_server::shared(Engine::MySql)).await;
    site.may_retain();
    site.manifest(settings);
    site.bootstrap().await.exits(0);
    site
}

#[tokio::test]
async fn the_sweep_has_the_server_forget_it() {
    let site = retaining("old_key: { deactivate_after: 1s, delete_after: 1h }").await;
    site.rotates().await;
    assert_eq!(site.log_in("AWSPREVIOUS").await, Ok(()));
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    site.test.sweep().await;
    assert_eq!(site.log_in("AWSPREVIOUS").await, Err(Refused::Wrong));
    assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));
    let labels = site.test.secret(SECRET).await.expect("it").labels;
    assert!(!labels.contains_key("KEYROTA_RETAINED"), "{labels:?}");
    let ran = site.test.changes_nothing(RESTORE).await.exits(1);
    let error = ran.json()["secrets"][0]["error"].to_string();
    assert!(error.contains("password is wrong"), "{ran}");
    site.rotates().await;
}

#[tokio::test]
async fn it_comes_back_and_rotation_goes_on() {
    let site = retaining("").await;
    site.rotates().await;
    let (new, old) = (
        site.value("AWSCURRENT").await,
        site.value("AWSPREVIOUS").await,
    );
    let ran = site.test.keyrota(RESTORE).await.exits(0);
    let told = &ran.json()["secrets"][0];
    assert_eq!(told["restored"], true, "{ran}");
    assert_eq!(site.value("AWSCURRENT").await, old);
    assert_eq!(site.value("AWSPREVIOUS").await, new);
    assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));
    site.test.keyrota("status --check").await.exits(0);
    site.rotates().await;
    // What was brought back was not what the sweep is to have forgotten.
    site.test.sweep().await;
    assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));
    site.rotates().await;
}

#[tokio::test]
async fn a_server_that_knows_one_password_has_none_to_bring_back() {
    for engine in [Engine::Postgres, Engine::MariaDb] {
        let site = Site::bootstrapped(test_server::shared(engine), "").await;
        let ran = site.test.changes_nothing(RESTORE).await.exits(1);
        let told = &ran.json()["secrets"][0];
        assert_ne!(told["restored"], true, "{ran}");
        let error = told["error"].to_string();
        assert!(error.contains("its password does not work"), "{ran}");
        site.rotates().await;

        // Somebody has set it by hand.
        let previous = site.value("AWSPREVIOUS").await;
        let password = previous["password"].as_str().expect("a password");
        test_server::set_password(&site.server, &site.user, password);
        site.test.keyrota(RESTORE).await.exits(0);
        assert_eq!(site.value("AWSCURRENT").await, previous);
        assert_eq!(log_in(&site.server, &previous).await, Ok(()));
        site.rotates().await;
    }
}
