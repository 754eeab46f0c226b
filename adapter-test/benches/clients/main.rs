//! Measures how long clients of each shipped adapter's service are refused while a password rotates.
//!
//! A rotation changes the password, logs in with the new one, and then publishes it, as a rotation does
//! with AWSCURRENT. Meanwhile a client logs in all the time with what is published. AWS's own time
//! between the steps of a rotation is added to this.

#[path = "../../tests/adapters/files.rs"]
mod files;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use keyrota_adapter_test::http::HttpSubject;
use keyrota_adapter_test::passwords;
use keyrota_adapter_test::program::{Program, ProgramSubject};
use keyrota_adapter_test::subject::{Subject, User};
use keyrota_test_servers::{Product, Python, Service};
use secrecy::SecretString;

const ROTATIONS: usize = 10;
const PRODUCTS: [Product; 5] = [
    Product::Redis,
    Product::Valkey,
    Product::RabbitMq,
    Product::Keystone,
    Product::Devpi,
];

/// What a client saw.
#[derive(Default)]
struct Seen {
    logins: usize,
    refused: usize,
    /// The time of each gap, from the first refused login to the next that succeeds.
    gaps: Vec<Duration>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println("| service | refused for, ms: least / median / greatest | refused logins |");
    println("| --- | --- | --- |");
    for product in PRODUCTS {
        let service = Service::start(product).unwrap_or_else(|error| panic!("{error}"));
        let seen = measure(&service).await;
        let mut gaps: Vec<u128> = seen.gaps.iter().map(Duration::as_millis).collect();
        gaps.resize(gaps.len().max(ROTATIONS), 0);
        gaps.sort_unstable();
        let (least, median) = (gaps[0], gaps[gaps.len() / 2]);
        println(&format!(
            "| {} | {least} / {median} / {} | {} of {} |",
            product.name(),
            gaps[gaps.len() - 1],
            seen.refused,
            seen.logins
        ));
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its result")]
fn println(text: &str) {
    println!("{text}");
}

async fn measure(service: &Service) -> Seen {
    let hosts = format!("127.0.0.1:{}", service.port());
    let authority = service.authority();
    let mut settings = BTreeMap::from([
        ("tags".to_owned(), "administrator".to_owned()),
        ("domain_id".to_owned(), "default".to_owned()),
        ("tls_ca".to_owned(), authority.display().to_string()),
        ("hosts".to_owned(), hosts.clone()),
    ]);
    let name = match service.product() {
        Product::Redis | Product::Valkey => {
            let user = user(settings);
            let folder = tempfile::tempdir().expect("a folder");
            let adapter = files::text("redis", "adapter.py");
            let local = files::write_python("redis", &adapter, folder.path());
            let requirements = files::text("redis", "requirements.txt");
            let python = Python::with("redis-adapter", &requirements).expect("an environment");
            let program = Program {
                program: python.program().into(),
                arguments: vec![local.into()],
                authorities: None,
            };
            let rotating = ProgramSubject::start(program.clone()).await;
            let client = ProgramSubject::start(program).await;
            let subjects = (rotating.expect("a process"), client.expect("a process"));
            return watch(&subjects.0, &subjects.1, &user).await;
        }
        Product::RabbitMq => "rabbitmq",
        Product::Keystone => "keystone",
        Product::Devpi => "devpi",
    };
    if let Ok(id) = service.user_id() {
        settings.insert("user_id".to_owned(), id);
    }
    let mut http = files::adapter(name, &hosts);
    http.tls_ca = Some("authority.pem".to_owned());
    let folder = authority.parent().expect("a folder");
    let subject = HttpSubject::new(http, folder).expect("a subject");
    watch(&subject, &subject, &user(settings)).await
}

fn user(settings: BTreeMap<String, String>) -> User {
    User {
        username: Service::USER.to_owned(),
        settings,
    }
}

/// Rotates, while a client logs in.
async fn watch(rotating: &impl Subject, client: &impl Subject, user: &User) -> Seen {
    let published = RefCell::new(SecretString::from(Service::PASSWORD));
    let done = Cell::new(false);
    let rotate = async {
        for _ in 0..ROTATIONS {
            let old = published.borrow().clone();
            let new = passwords::random(&passwords::usual_rule()).expect("a password");
            user.change(rotating, &old, &new).await.expect("a change");
            user.authenticate(rotating, &new).await.expect("a login");
            published.replace(new);
            // The client sees each password before the next replaces it.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        done.set(true);
    };
    let log_in = async {
        let mut seen = Seen::default();
        let mut since: Option<Instant> = None;
        while !done.get() {
            let password = published.borrow().clone();
            let ended = user.authenticate(client, &password).await;
            seen.logins += 1;
            match ended {
                Ok(()) => seen.gaps.extend(since.take().map(|since| since.elapsed())),
                Err(_) => {
                    seen.refused += 1;
                    since.get_or_insert_with(Instant::now);
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        seen
    };
    tokio::join!(rotate, log_in).1
}
