//! The value of a secret: the object that keeps what nobody changes, and the credential of each kind in
//! it. The first byte chooses the names of the fields.

use std::collections::BTreeMap;

use keyrota::model::{self, Credential as Written};
use keyrota_contract::pins::database::Engine;
use keyrota_contract::value::administrator::{self, PinnedServer};
use keyrota_contract::value::names::Names;
use keyrota_contract::value::object::{Object, json};
use keyrota_contract::value::{OF_ACCESS_KEYS, OF_DATABASES, OF_SERVICES, smtp};
use keyrota_database_function::secret as database;
use keyrota_function::decide::AccessKeyId;
use keyrota_function::key::NewKey;
use keyrota_function::secret as access_key;
use keyrota_function_base::secret::{Content, Credential, Partial};
use keyrota_function_base::secrets_manager::StoredValue;
use keyrota_service_function::secret as service;
use secrecy::{ExposeSecret, SecretString};

use crate::{assert_silent, choices};

const NEW: &str = "new \"secret\" \u{e9}\\";
const NEW_ID: &str = "AKIAIOSFODNN7EXAMPL2";

/// Reads the value, and writes it with a new credential.
///
/// # Panics
///
/// Panics if a field is lost or changed that the credential does not own, if what was written is not
/// read back, or if an error repeats a secret.
pub fn run(input: &[u8]) {
    let ([choice], input) = choices(input);
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let names = names(choice);
    match Object::parse(text) {
        Ok(value) => object(text, &value),
        Err(_) => {
            assert!(serde_json::from_str::<BTreeMap<String, serde_json::Value>>(text).is_err())
        }
    }
    let regions = match choice & 8 {
        0 => Vec::new(),
        _ => vec!["eu-west-1".to_owned(), "us-west-2".to_owned()],
    };
    of_access_key(text, &names, &regions);
    of_database(text, &names);
    of_service(text, &names);
    of_administrator(text, &names);
}

/// Returns names as a manifest may give them: the default ones, new ones, or in both directions of a
/// renaming.
fn names(choice: u8) -> Names {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let named = |field: &str, names: &[&str]| (field.to_owned(), list(names));
    let names = match choice & 7 {
        0 => return Names::default(),
        1 => return Names::usual(),
        2 => vec![
            named("password", &["DB_PASSWORD", "password"]),
            named("accesskey", &["id", "accesskey"]),
        ],
        3 => vec![
            named("password", &["password", "DB_PASSWORD"]),
            named("secretkey", &["secretkey", "key"]),
        ],
        4 => vec![
            named("username", &["user"]),
            named("port", &["DB_PORT", "port"]),
        ],
        _ => vec![
            named("password", &["c", "b", "a"]),
            named("secretkey", &["z", "y"]),
        ],
    };
    Names::new(names.into_iter().collect())
}

fn object(text: &str, value: &Object) {
    assert_eq!(value.to_text(), text, "an object is kept as it was written");
    let kept = members(value, &["password"]);
    let mut set = value.clone();
    set.set("password", &json(NEW));
    assert!(set.values("password").all(|it| it == json(NEW)));
    assert!(set.values("password").count() >= 1);
    check_kept(&set, &kept, &["password"]);
    let mut removed = set.clone();
    removed.remove("password");
    assert_eq!(removed.values("password").count(), 0);
    check_kept(&removed, &kept, &["password"]);
    let mut inserted = value.clone();
    inserted.insert_after("password", "keyrota_fuzz", "1");
    assert!(inserted.values("keyrota_fuzz").any(|it| it == "1"));
    check_kept(
        &inserted,
        &members(value, &["keyrota_fuzz"]),
        &["keyrota_fuzz"],
    );
}

type Members = Vec<(String, Vec<String>)>;

/// Returns the members of an object, but for those with some names, as they are written.
fn members(value: &Object, without: &[&str]) -> Members {
    let names = value.names().filter(|name| !without.contains(name));
    let values = |name: &str| value.values(name).map(str::to_owned).collect();
    names.map(|name| (name.to_owned(), values(name))).collect()
}

#[track_caller]
fn check_kept(value: &Object, kept: &Members, without: &[&str]) {
    let again = Object::parse(&value.to_text());
    let again = again.unwrap_or_else(|_| panic!("it is no object any more: {}", value.to_text()));
    assert_eq!(members(&again, without), *kept, "a field was changed");
}

/// Asserts that writing has changed the fields of a credential only.
#[track_caller]
fn check_rest(before: &str, after: &str, own: &[&str], names: &Names, more: &dyn Fn(&str) -> bool) {
    let rest = |text: &str| -> Members {
        let value = Object::parse(text).unwrap_or_else(|_| panic!("it is no object: {text}"));
        let mut own: Vec<&str> = own.iter().flat_map(|field| names.all(field)).collect();
        own.extend(value.names().filter(|name| more(name)));
        members(&value, &own)
    };
    assert_eq!(
        rest(before),
        rest(after),
        "a field of the owner was changed"
    );
}

fn read<C: Credential>(text: &str, names: &Names) -> Content<C> {
    let content: Content<C> = Content::parse(&StoredValue::Text(SecretString::from(text)), names);
    match &content {
        Content::Unreadable(unreadable) => assert_silent(&unreadable.to_string()),
        Content::Partial(partial) => {
            let missing = partial.missing();
            assert_silent(&missing);
        }
        Content::Nothing | Content::Complete(_) => {}
    }
    content
}

fn of_access_key(text: &str, names: &Names, regions: &[String]) {
    // The program reads the same value.
    let program = Written::read(&SecretString::from(text), names);
    if let Err(reason) = program.complete() {
        assert_silent(&reason);
    }
    let Content::Complete(held) = read::<access_key::Credential>(text, names) else {
        return assert!(
            program.complete().is_err(),
            "the function does not read what the program reads"
        );
    };
    if let model::Content::Complete(program) = &program {
        assert_eq!(program.accesskey.as_str(), held.access_key.as_str());
        assert_eq!(
            program.secretkey.expose_secret(),
            held.key_pair().secret.expose_secret()
        );
        assert_eq!(program.username, held.username);
        assert_eq!(program.secretarn, held.secret_arn);
    }
    let key = NewKey {
        id: AccessKeyId::parse(NEW_ID).expect("it is an ID"),
        secret: SecretString::from(NEW),
    };
    let owner = access_key::Owner {
        user: "ci-deployer",
        secret_arn: Some("arn:aws:secretsmanager:eu-west-1:111122223333:secret:a-AbCdEf"),
        smtp: regions,
    };
    let written = held.rekeyed(&key, names, owner);
    let again = held.rekeyed(&key, names, owner);
    assert_eq!(written.expose_secret(), again.expose_secret());
    let written = written.expose_secret();
    check_rest(text, written, &OF_ACCESS_KEYS, names, &|name| {
        smtp::owns(name, regions)
    });
    let Content::Complete(new) = read::<access_key::Credential>(written, names) else {
        panic!("the new value is not read: {written}");
    };
    assert_eq!(new.key_pair().id, NEW_ID);
    assert_eq!(new.key_pair().secret.expose_secret(), NEW);
    assert_eq!(
        new.username.as_deref(),
        held.username.as_deref().or(Some("ci-deployer"))
    );
    // Renaming has an end.
    let third = new.rekeyed(&key, names, owner);
    let third = third.expose_secret().to_owned();
    if let Content::Complete(last) = read::<access_key::Credential>(&third, names) {
        assert_eq!(last.rekeyed(&key, names, owner).expose_secret(), third);
    } else {
        panic!("the third value is not read: {third}");
    }
}

fn of_database(text: &str, names: &Names) {
    let password = SecretString::from(NEW);
    let written = match read::<database::Credential>(text, names) {
        Content::Complete(held) => {
            let written = held.with_login(Some("other"), &password, names);
            let Content::Complete(new) =
                read::<database::Credential>(written.expose_secret(), names)
            else {
                panic!("the new value is not read");
            };
            assert_eq!(new.target.username.as_deref(), Some("other"));
            assert!(new.target.host == held.target.host && new.target.port == held.target.port);
            assert!(
                new.target.engine == held.target.engine && new.target.dbname == held.target.dbname
            );
            written
        }
        Content::Partial(partial) => match partial.without_password() {
            Ok(held) => held.with_password(&password, names),
            Err(_) => return,
        },
        Content::Nothing | Content::Unreadable(_) => return,
    };
    let written = written.expose_secret();
    check_rest(text, written, &OF_DATABASES, names, &|_| false);
    let Content::Complete(new) = read::<database::Credential>(written, names) else {
        panic!("the new value is not read: {written}");
    };
    assert_eq!(new.password().expose_secret(), NEW);
}

fn of_service(text: &str, names: &Names) {
    let Content::Complete(held) = read::<service::Credential>(text, names) else {
        return;
    };
    let written = held.with_password(&SecretString::from(NEW), names);
    let written = written.expose_secret();
    check_rest(text, written, &OF_SERVICES, names, &|_| false);
    let Content::Complete(new) = read::<service::Credential>(written, names) else {
        panic!("the new value is not read: {written}");
    };
    assert_eq!(new.password().expose_secret(), NEW);
    assert_eq!(new.username, held.username);
}

fn of_administrator(text: &str, names: &Names) {
    let server = PinnedServer {
        engine: Engine::Postgres,
        host: "db.example",
        port: 5432,
    };
    match administrator::read(text, names, server) {
        Ok(login) => {
            assert!(!login.username.is_empty() && !login.password.expose_secret().is_empty())
        }
        Err(unfit) => assert_silent(&unfit.to_string()),
    }
}
