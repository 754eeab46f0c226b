//! The schema and the reader say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use keyrota_contract::adapter::{
    self as contract, Operation, Outcome, Previous, Request, Response,
};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{SchemaOf, adapter, http_adapter, schema};
use crate::model::load;

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[expect(clippy::disallowed_methods, reason = "a test's own files")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn folder(path: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(file(path))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    found.sort();
    assert!(found.len() > 5, "{found:?}");
    found
}

/// Returns the first fault, as `PLACE: MESSAGE`.
fn fault(text: &str) -> Option<String> {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    let document: Value = serde_yaml::from_str(text).unwrap();
    let fault = validator.iter_errors(&document).next()?;
    Some(format!("{}: {fault}", fault.instance_path()))
}

#[test]
fn the_published_schemas_are_these() {
    for (path, of) in [
        ("schema/keyrota.schema.json", SchemaOf::Manifest),
        ("schema/adapter.schema.json", SchemaOf::Adapter),
        ("schema/http-adapter.schema.json", SchemaOf::HttpAdapter),
    ] {
        let place = file(path);
        if std::env::var_os("KEYROTA_UPDATE").is_some() {
            #[expect(clippy::disallowed_methods, reason = "a test's own file")]
            std::fs::write(&place, of.text()).unwrap();
        }
        assert!(
            place.exists() && read(&place) == of.text(),
            "{path} is not what `keyrota schema` prints; \
             KEYROTA_UPDATE=1 cargo test schema writes it"
        );
    }
}

#[test]
fn the_schema_of_the_contract_fits_what_both_sides_serialize() {
    let all = adapter();
    let part = |name: &str| {
        let schema = json!({ "$ref": format!("#/$defs/{name}"), "$defs": all["$defs"] });
        jsonschema::draft202012::new(&schema).unwrap()
    };
    let (requests, responses) = (part("request"), part("response"));
    let (old, new) = (SecretString::from("old"), SecretString::from("new"));
    let settings = BTreeMap::from([("tenant".to_owned(), "4711".to_owned())]);
    for operation in Operation::ALL {
        for new_password in [None, Some(&new)] {
            let request = Request {
                version: contract::VERSION,
                request: operation,
                username: "billing",
                password: &old,
                new_password,
                settings: &settings,
            };
            let request = serde_json::to_value(&request).unwrap();
            let expected = new_password.is_some() == (operation == Operation::Change);
            assert_eq!(requests.is_valid(&request), expected, "{request}");
            assert!(!responses.is_valid(&request));
        }
    }
    for outcome in Outcome::ALL {
        for (previous, code) in [
            (Previous::Void, None),
            (Previous::Works, Some("HTTP 204".to_owned())),
        ] {
            let response = Response {
                version: contract::VERSION,
                outcome,
                previous,
                code,
            };
            let response = serde_json::to_value(&response).unwrap();
            assert!(responses.is_valid(&response), "{response}");
            assert!(!requests.is_valid(&response));
        }
    }
    // What the schema refuses, the function does not accept either.
    for response in [
        json!({ "version": 1 }),
        json!({ "version": 1, "outcome": "ok" }),
        json!({ "version": 1, "outcome": "success", "password": "x" }),
        json!({ "version": 1, "outcome": "success", "previous": "kept" }),
    ] {
        assert!(!responses.is_valid(&response), "{response}");
        assert!(serde_json::from_value::<Response>(response).is_err());
    }
    for response in [
        json!({ "version": 2, "outcome": "success" }),
        json!({ "version": 1, "outcome": "unclear", "code": "a\nb" }),
        json!({ "version": 1, "outcome": "unclear", "code": "x".repeat(65) }),
    ] {
        assert!(!responses.is_valid(&response), "{response}");
    }
}

#[test]
fn the_schema_of_http_adapters_accepts_the_examples() {
    let validator = jsonschema::draft202012::new(&http_adapter()).unwrap();
    for name in ["rabbitmq", "keystone", "devpi"] {
        let path = file(&format!("examples/adapters/{name}/adapter.yaml"));
        let text = read(&path);
        let document: Value = serde_yaml::from_str(&text).unwrap();
        let faults: Vec<String> = validator
            .iter_errors(&document)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert_eq!(faults, Vec::<String>::new(), "{name}");
        let read = crate::model::read_http_adapter(&text, None);
        let (_, warnings) = read.unwrap_or_else(|findings| panic!("{name}: {findings:?}"));
        assert_eq!(warnings, [], "{name}");
    }
}

#[test]
fn it_is_a_schema() {
    let schema = schema();
    jsonschema::meta::validate(&schema).unwrap();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
}

/// Every property has a description, which editors show.
#[test]
fn every_property_is_described() {
    let schema = schema();
    let definitions = schema["$defs"].as_object().unwrap().values();
    for object in definitions.chain([&schema]) {
        for (key, property) in object["properties"].as_object().into_iter().flatten() {
            let described = property["description"].as_str();
            assert!(described.is_some_and(|text| text.len() > 5), "{key}");
        }
    }
}

#[test]
fn what_the_reader_accepts_passes() {
    for path in folder("examples")
        .into_iter()
        .chain(folder("tests/manifests/valid"))
    {
        assert_eq!(fault(&read(&path)), None, "{}", path.display());
    }
    let entry = |more: &str| {
        let text = format!("version: 1\nstack: keys\naccess_keys: [{{ user: ada{more} }}]\n");
        assert!(load(&text, None).is_ok(), "{text}");
        assert_eq!(fault(&text), None, "{text}");
    };
    for more in [
        "",
        ", window: 1d, schedule: rate(30 days)",
        ", window: 120m",
        ", schedule: rate(0004 hours)",
        ", schedule: 'cron(0 2/20 1,L */2 ? *)'",
        ", schedule: 'cron(0 0 ? FEB MON#5,SUNL,1-3/2 *)'",
        ", old_key: { delete_after: 0 }",
        ", old_key: until_next_rotation, probe: none, readers: []",
        ", secret: ~, schedule: ~, window: ~, rotate_as: ~, kms_key: ~, old_key: ~, probe: ~, readers: ~, create_user: ~, initial_key: ~",
        ", rotate_as: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:a/b-AbCdEf'",
        ", readers: ['arn:aws-cn:iam::111122223333:root']",
        ", fields: { accesskey: AWS_ACCESS_KEY_ID, secretkey: [KEY, secretkey], username: 7 }",
        ", fields: ~",
        ", fields: { accesskey: ~ }",
        ", probe: { action: 's3:ListBucket', resource: 'arn:aws:s3:::a-bucket', region: eu-west-1 }",
    ] {
        entry(more);
    }
    let database = |more: &str| {
        let text = format!(
            "version: 1\nstack: keys\ndatabases: [{{ secret: a, engine: postgres, host: db.internal, username: ada{more} }}]\n"
        );
        assert!(load(&text, None).is_ok(), "{text}");
        assert_eq!(fault(&text), None, "{text}");
    };
    for more in [
        "",
        ", port: 5433, dbname: orders, tls: verify-ca, tls_ca: 'a folder/rds.pem'",
        ", port: ~, dbname: ~, initial_password: ~, tls: ~, tls_ca: ~, password: ~, rotate_as: ~, schedule: ~, old_key: ~",
        ", password: { length: 8 }",
        ", password: { exclude: '', length: ~ }",
        ", password: { exclude: ' ~' }",
        ", initial_password: 'env:ORDERS_2'",
        ", initial_password: ops/first",
        ", initial_password: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:a/b-AbCdEf'",
        ", rotate_as: ops/administrator, readers: []",
        ", rotate_as: self, schedule: rate(7 days), window: 1h, kms_key: create",
    ] {
        database(more);
    }
    for more in [
        "account: ~\nregion: ~\ntags: ~\nfunction: ~\nalarms: ~\ndefaults: ~\ndatabases: []\nnetwork: { subnets: [] }\nenvironments: ~\n",
        "account: 111122223333\ntags: { cost: 42, exact: true }\n",
        "account: '012345678901'\nalarms: { email: ~ }\n",
        "function: { memory: 10240, timeout: 15m, log_retention: 3653d }\n",
        "environments: { staging: { stack: other }, production: ~ }\n",
    ] {
        let text = format!("version: '1'\nstack: keys\naccess_keys: [{{ user: ada }}]\n{more}");
        assert!(load(&text, None).is_ok(), "{text}");
        assert_eq!(fault(&text), None, "{text}");
    }
}

/// What two values have to do with each other, and what is not JSON at all, is the
/// reader's alone.
#[test]
fn what_the_reader_refuses_does_not_pass_where_a_schema_can_tell() {
    let reader_alone = [
        "a-key-twice",
        "a-yaml-tag",
        "another-partition",
        "adopted-key-of-a-new-user",
        "databases-alike",
        "default-secret-name-like-an-arn-suffix",
        "exceptions",
        "foreign-reader-with-the-default-key",
        "http-adapters",
        "key-in-another-region",
        "not-yaml",
        "own-administrator",
        "permissions-boundary-elsewhere",
        "schedule-that-never-comes",
        "self-readers",
        "two-documents",
        "two-entries-for-one-secret",
        "two-entries-for-one-user",
        "unknown-environment",
        "window-too-long",
    ];
    let mut passed = BTreeSet::new();
    for path in folder("tests/manifests/invalid") {
        let text = read(&path);
        let parsed: Result<Value, _> = serde_yaml::from_str(&text);
        if parsed.is_err() || text.contains(": !Ref") || fault(&text).is_none() {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            passed.insert(name);
        }
    }
    let expected: BTreeSet<String> = reader_alone.into_iter().map(str::to_owned).collect();
    assert_eq!(passed, expected);
}

#[test]
fn each_field_is_held_to_its_form() {
    let database = "secret: a, engine: postgres, host: db, username: ada";
    for (more, place) in [
        ("port: 0", "/port"),
        ("port: 65536", "/port"),
        ("tls: prefer", "/tls"),
        ("password: hunter2", "/password"),
        ("password: { length: 7 }", "/password"),
        ("password: { length: 257 }", "/password"),
        ("password: { exclude: 'é' }", "/password"),
        ("initial_password: 'a b'", "/initial_password"),
        ("initial_password: 'env:1'", "/initial_password"),
        ("rotate_as: role", "/rotate_as"),
        ("dbname: ''", "/dbname"),
        ("tls_ca: ''", "/tls_ca"),
        ("create_user: 'yes'", "/create_user"),
        ("grants: [SELECT]", "/grants/0"),
        ("roles: ['']", "/roles/0"),
        ("fields: { accesskey: A }", "/fields"),
        ("probe: none", ""),
    ] {
        let text = format!("version: 1\nstack: keys\ndatabases: [{{ {database}, {more} }}]\n");
        assert!(load(&text, None).is_err(), "{text}");
        let fault = fault(&text).unwrap_or_else(|| panic!("{text}"));
        assert!(
            fault.starts_with(&format!("/databases/0{place}")),
            "{fault}"
        );
    }
    for (more, place) in [
        ("user: ada, schedule: rate(3 hours)", "/schedule"),
        ("user: ada, schedule: rate(1000 days)", "/schedule"),
        ("user: ada, schedule: 'cron(5 8 * * ? *)'", "/schedule"),
        ("user: ada, window: 3", "/window"),
        ("user: ada, rotate_as: 'a b'", "/rotate_as"),
        ("user: ada, kms_key: mine", "/kms_key"),
        ("user: ada, fields: { password: A }", "/fields"),
        ("user: ada, fields: { accesskey: '' }", "/fields"),
        ("user: ada, fields: { accesskey: [] }", "/fields"),
        ("user: ada, fields: { accesskey: [A, A] }", "/fields"),
        ("user: ada, readers: ['*']", "/readers/0"),
        ("user: ada, secret: prod/ci-deploy", "/secret"),
        ("user: ada, initial_key: 'profile:'", "/initial_key"),
        ("user: ada, create_user: 'yes'", "/create_user"),
        ("user: a/b", "/user"),
        ("secret: a", ""),
        (
            "user: ada, old_key: { hold_if_used_within: 1d }",
            "/old_key",
        ),
        (
            "user: ada, probe: { action: 's3:GetObject', resource: 'arn:aws:s3:::a' }",
            "/probe",
        ),
    ] {
        let text = format!("version: 1\nstack: keys\naccess_keys: [{{ {more} }}]\n");
        assert!(load(&text, None).is_err(), "{text}");
        let fault = fault(&text).unwrap_or_else(|| panic!("{text}"));
        assert!(
            fault.starts_with(&format!("/access_keys/0{place}")),
            "{fault}"
        );
    }
}

/// Validators differ in what their regular expressions know: Python's end with an
/// error where they meet a class of Unicode's.
#[test]
fn patterns_are_portable() {
    fn patterns(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    match value.as_str() {
                        Some(text) if key == "pattern" => found.push(text.to_owned()),
                        _ => patterns(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| patterns(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    patterns(&schema(), &mut found);
    assert!(found.len() > 10);
    for pattern in found {
        for particular in [r"\p", r"\P", "(?<", "(?P", r"\A", r"\z", r"\h"] {
            assert!(!pattern.contains(particular), "{pattern}");
        }
    }
}
