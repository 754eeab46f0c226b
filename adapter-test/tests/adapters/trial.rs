//! A test of an adapter, as the program makes it.

use std::cell::Cell;
use std::collections::BTreeMap;

use keyrota_adapter_test::http::HttpSubject;
use keyrota_adapter_test::mock::Mock;
use keyrota_adapter_test::mock::samples::Samples;
use keyrota_adapter_test::passwords;
use keyrota_adapter_test::report::{Report, State};
use keyrota_adapter_test::run::Test;
use keyrota_adapter_test::subject::{Subject, User};
use keyrota_contract::pins::service::{Adapter, Http};

/// Returns a user with these settings.
pub fn user(settings: &[(&str, &str)]) -> User {
    let settings = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    User {
        username: "billing".to_owned(),
        settings: BTreeMap::from_iter(settings),
    }
}

/// Tests an HTTP adapter on the mock service.
pub async fn on_mock(http: &Http, settings: &[(&str, &str)]) -> Report {
    let rule = passwords::usual_rule();
    let password = passwords::random(&rule).expect("a password");
    let samples = Samples::Described(Box::new(http.clone()));
    let mock = Mock::start(samples, &password).await.expect("a service");
    let subject = HttpSubject::on_mock(http.clone(), &mock).expect("a subject");
    let test = Test {
        subject: &subject,
        user: &user(settings),
        adapter: &Adapter::Http(Box::new(http.clone())),
        rule: &rule,
    };
    test.on_mock(&mock, password).await.expect("a report")
}

/// Tests an adapter with a real service.
pub async fn on_service(
    subject: &impl Subject,
    user: &User,
    adapter: &Adapter,
    password: &str,
) -> Report {
    let rule = passwords::usual_rule();
    let test = Test {
        subject,
        user,
        adapter,
        rule: &rule,
    };
    let tested = test.on_service(password.into(), &Cell::new(false)).await;
    let tested = tested.expect("a report");
    assert_eq!(tested.restored, Ok(()));
    tested.report
}

/// Returns what does not hold, or was not tested: its name, the state, and the reasons.
pub fn exceptions(report: &Report) -> Vec<String> {
    report
        .verdicts()
        .filter(|(_, verdict)| verdict.state != State::Holds)
        .map(|(guarantee, verdict)| {
            let reasons = verdict.reasons.join("\n  ");
            format!("{} {:?}: {reasons}", guarantee.id(), verdict.state)
        })
        .collect()
}
