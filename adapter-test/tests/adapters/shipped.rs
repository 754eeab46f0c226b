//! The shipped adapters: on the mock service, and on real servers.

use std::process::Command;
use std::time::Duration;

use keyrota_adapter_test::guarantee::Guarantee;
use keyrota_adapter_test::http::HttpSubject;
use keyrota_adapter_test::program::{Program, ProgramSubject};
use keyrota_adapter_test::report::{Report, State};
use keyrota_adapter_test::run::PINNED_ARN;
use keyrota_adapter_test::subject::{Subject, User};
use keyrota_contract::pins::service::{Adapter, Http};
use keyrota_service_function::service::{Previous, ServiceFault};
use keyrota_test_servers::{Product, Python, Service};
use secrecy::SecretString;

use crate::files;
use crate::trial::{exceptions, on_mock, on_service, user};

/// What only the mock service can show.
const OF_MOCK: [Guarantee; 5] = [
    Guarantee::OutageIsNoAnswer,
    Guarantee::UnchangedIsTrue,
    Guarantee::GarbageIsUnclear,
    Guarantee::RedirectIsNotFollowed,
    Guarantee::PasswordIsKept,
];

fn start(product: Product) -> Service {
    Service::start(product).unwrap_or_else(|error| panic!("{error}"))
}

/// Asserts that everything that can be tested on a real server holds.
fn assert_sound(report: &Report, has_output: bool) {
    for (guarantee, verdict) in report.verdicts() {
        let tested = !OF_MOCK.contains(&guarantee)
            && (has_output || guarantee != Guarantee::OutputHasNoSecret);
        let expected = match tested {
            true => State::Holds,
            false => State::NotTested,
        };
        assert_eq!(verdict.state, expected, "{:#?}", exceptions(report));
    }
    let searched = report.verdict(Guarantee::RotationRecovers);
    assert!(searched.cases > 10, "{}", searched.cases);
}

/// Passwords of a service: the first, and others that its policy accepts.
fn password(number: usize) -> SecretString {
    match number {
        1 => Service::PASSWORD.into(),
        number => format!("Next-password-{number} \"\\%&+{{}}").into(),
    }
}

async fn fault(
    ended: impl Future<Output = Result<(), keyrota_service_function::service::ServiceError>>,
) -> Option<ServiceFault> {
    ended.await.err().map(|error| error.fault)
}

/// What every shipped adapter does on its server: requests, outages, and restarts.
async fn check(service: &mut Service, subject: &impl Subject, user: &User, keeps: Previous) {
    let login = async |number| fault(user.authenticate(subject, &password(number))).await;
    let change = async |old, new| {
        let ended = user.change(subject, &password(old), &password(new)).await;
        ended.map_err(|error| error.fault)
    };
    assert_eq!(login(1).await, None);
    assert_eq!(login(9).await, Some(ServiceFault::WrongPassword));
    assert_eq!(change(9, 2).await, Err(ServiceFault::WrongPassword));
    assert_eq!(login(1).await, None);
    let changed = user.change(subject, &password(1), &password(2)).await;
    assert_eq!(changed, Ok(keeps));
    let old = match keeps {
        Previous::Works => None,
        Previous::Void => Some(ServiceFault::WrongPassword),
    };
    assert_eq!((login(1).await, login(2).await), (old, None));
    // The same change again.
    let repeated = change(1, 2).await;
    let expected = match keeps {
        Previous::Works => Ok(Previous::Works),
        Previous::Void => Err(ServiceFault::WrongPassword),
    };
    assert_eq!(repeated, expected);
    assert_eq!(login(2).await, None);
    // The next change removes the password before the last, wherever two work.
    assert_eq!(change(2, 3).await, Ok(keeps));
    assert_eq!(login(1).await, Some(ServiceFault::WrongPassword));
    assert_eq!(login(3).await, None);
    // The server is down, and knows the password after it starts again, even after it was killed.
    for kill in [false, true] {
        match kill {
            true => service.kill(),
            false => service.stop(),
        }
        let down = [ServiceFault::NotSent, ServiceFault::Unreachable];
        assert!(login(3).await.is_some_and(|fault| down.contains(&fault)));
        assert!(change(3, 4).await.is_err_and(|fault| down.contains(&fault)));
        service
            .start_again()
            .unwrap_or_else(|error| panic!("{error}"));
        wait_until_it_answers(subject, user).await;
        assert_eq!(login(3).await, None, "after a restart; killed: {kill}");
    }
    assert_eq!(change(3, 1).await, Ok(keeps));
}

/// Some servers listen before they answer.
async fn wait_until_it_answers(subject: &impl Subject, user: &User) {
    for _ in 0..100 {
        let ended = fault(user.authenticate(subject, &password(3))).await;
        if matches!(ended, None | Some(ServiceFault::WrongPassword)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Returns the adapter's file of an example for a server.
fn adapter(name: &str, service: &Service) -> Http {
    let mut http = files::adapter(name, &format!("127.0.0.1:{}", service.port()));
    http.tls_ca = Some("authority.pem".to_owned());
    http
}

fn subject(http: &Http, service: &Service) -> HttpSubject {
    let authority = service.authority();
    HttpSubject::new(http.clone(), authority.parent().expect("a folder")).expect("a subject")
}

/// Checks an HTTP adapter on its server.
async fn check_http(name: &str, product: Product, settings: &[(&str, &str)]) {
    let mut service = start(product);
    let id = service.user_id().unwrap_or_default();
    let mut settings = settings.to_vec();
    if product == Product::Keystone {
        settings.push(("user_id", &id));
    }
    let user = user(&settings);
    let http = adapter(name, &service);
    let subject = subject(&http, &service);
    check(&mut service, &subject, &user, Previous::Void).await;
    let pinned = Adapter::Http(Box::new(subject.http().clone()));
    let report = on_service(&subject, &user, &pinned, Service::PASSWORD).await;
    assert_sound(&report, false);
}

/// Asserts that a policy of the server refuses a password, and that nothing is changed by that.
async fn check_policy(name: &str, product: Product, settings: &[(&str, &str)]) {
    let service = start(product);
    let id = service.user_id().unwrap_or_default();
    let mut settings = settings.to_vec();
    if product == Product::Keystone {
        settings.push(("user_id", &id));
    }
    let user = user(&settings);
    let subject = subject(&adapter(name, &service), &service);
    let changed = user.change(&subject, &password(1), &"short".into()).await;
    let fault = changed.map_err(|error| error.fault);
    assert_eq!(fault, Err(ServiceFault::PasswordRejected));
    assert!(user.authenticate(&subject, &password(1)).await.is_ok());
}

#[tokio::test]
async fn rabbitmq() {
    let settings = [("tags", "administrator,billing")];
    check_http("rabbitmq", Product::RabbitMq, &settings).await;
    check_policy("rabbitmq", Product::RabbitMq, &settings).await;
}

#[tokio::test]
async fn keystone() {
    let settings = [("domain_id", "default")];
    check_http("keystone", Product::Keystone, &settings).await;
    check_policy("keystone", Product::Keystone, &settings).await;
}

#[tokio::test]
async fn devpi() {
    check_http("devpi", Product::Devpi, &[]).await;
}

async fn check_redis(product: Product) {
    let mut service = start(product);
    let requirements = files::text("redis", "requirements.txt");
    let python = Python::with("redis-adapter", &requirements).expect("an environment");
    let folder = tempfile::tempdir().expect("a folder");
    let adapter = files::text("redis", "adapter.py");
    let local = files::write_python("redis", &adapter, folder.path());
    let program = ProgramSubject::start(Program {
        program: python.program().into(),
        arguments: vec![local.into()],
        authorities: None,
    });
    let subject = program.await.expect("a process");
    let hosts = format!("127.0.0.1:{}", service.port());
    let authority = service.authority().display().to_string();
    let settings = [("hosts", hosts.as_str()), ("tls_ca", authority.as_str())];
    let user = user(&settings);
    check(&mut service, &subject, &user, Previous::Works).await;
    let pinned = Adapter::Function(PINNED_ARN.to_owned());
    let report = on_service(&subject, &user, &pinned, Service::PASSWORD).await;
    assert_sound(&report, true);
}

#[test]
fn redis_is_asked_for_a_limited_time() {
    let requirements = files::text("redis", "requirements.txt");
    let python = Python::with("redis-adapter", &requirements).expect("an environment");
    let mut tests = Command::new(python.program());
    tests.args(["-B", "-m", "unittest", "--quiet"]);
    let tests = tests.current_dir(files::folder("redis"));
    assert!(tests.status().expect("the tests").success());
}

#[tokio::test]
async fn redis() {
    check_redis(Product::Redis).await;
}

#[tokio::test]
async fn valkey() {
    check_redis(Product::Valkey).await;
}

#[tokio::test]
async fn the_files_keep_the_guarantees_on_the_mock_service() {
    for (name, settings, weak) in [
        // `GET /api/whoami` answers nothing that is always the same, and a change has no body.
        ("rabbitmq", &[("tags", "administrator")][..], true),
        (
            "keystone",
            &[("user_id", "1"), ("domain_id", "default")],
            false,
        ),
        ("devpi", &[], false),
    ] {
        let http = files::adapter(name, "service.example.com");
        let report = on_mock(&http, settings).await;
        assert!(report.is_sound(), "{name}: {:#?}", exceptions(&report));
        let garbage = report.verdict(Guarantee::GarbageIsUnclear);
        let expected = if weak { State::Weak } else { State::Holds };
        assert_eq!(garbage.state, expected, "{name}: {:?}", garbage.reasons);
    }
}
