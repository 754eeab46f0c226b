//! What a service says about itself, and the pins of an HTTP adapter.

use std::collections::BTreeMap;

use super::{Adapter, read_http_adapter};
use crate::model::{self, Model};

const FORM: &str = include_str!("../../../tests/manifests/adapters/form.yaml");

fn load(entry: &str) -> Model {
    let text = format!("version: 1\nstack: keys\nservices:\n  - {{ secret: a, {entry} }}\n");
    let files = |file: &str| match file {
        "adapters/form.yaml" => Ok(FORM.to_owned()),
        _ => Err("no such file".to_owned()),
    };
    model::load_with(&text, None, &files).unwrap().model
}

#[test]
fn a_service_is_described_by_tags_and_seeded_with_its_user() {
    let model = load(
        "username: 'ada \"a\"', adapter: { http: adapters/form.yaml }, settings: { path: x }, \
         password: { length: 24, require: [symbol, upper] }",
    );
    let service = model.services().next().unwrap().kind;
    let tags: Vec<String> = service
        .tags()
        .into_iter()
        .map(|(key, value)| format!("{key} {value}"))
        .collect();
    insta::assert_snapshot!(tags.join("\n"), @r"
    keyrota:user ada =22a=22
    keyrota:kind service
    keyrota:adapter https =5B2001:db8::1=5D:8443 accounts.example.com
    keyrota:password length=24 exclude=/@=22=27=5C require=upper+symbol
    ");
    assert_eq!(service.seed(), r#"{"username":"ada \"a\""}"#);
    assert_eq!(
        service.place(),
        "[2001:db8::1]:8443 and accounts.example.com"
    );
    // The authorities are found beside the adapter's file, and named by that path in the zip file.
    let Adapter::Http(http) = &service.adapter else {
        panic!("it is an HTTP adapter");
    };
    assert_eq!(http.tls_ca().as_deref(), Some("adapters/authority.pem"));
    assert_eq!(http.pinned().tls_ca, http.authorities_file());

    let arn = "arn:aws:lambda:eu-west-1:111122223333:function:portal:7";
    let model = load(&format!("username: ada, adapter: {{ function: '{arn}' }}"));
    let service = model.services().next().unwrap().kind;
    assert_eq!(service.place(), "the adapter portal:7");
    assert!(
        service
            .tags()
            .contains(&("keyrota:adapter", arn.to_owned()))
    );
}

#[test]
fn a_file_is_read_as_the_function_reads_its_pin() {
    let settings = BTreeMap::from([("path".to_owned(), "x".to_owned())]);
    let (http, warnings) = read_http_adapter(FORM, Some(&settings)).unwrap();
    assert_eq!(warnings, []);
    insta::assert_snapshot!(serde_json::to_string_pretty(&http).unwrap());
    // Without an entry, each setting may exist.
    assert!(read_http_adapter(FORM, None).is_ok());
    assert!(read_http_adapter(FORM, Some(&BTreeMap::new())).is_err());
    let text = serde_json::to_string(&http).unwrap();
    assert_eq!(serde_json::from_str::<super::Http>(&text).unwrap(), http);
}

#[test]
fn numbers_and_truth_values_stay_what_they_are_in_json() {
    let body =
        "{ a: 1, b: 1.5, c: true, d: ~, e: '1', f: 0x1, g: [{{h: 01}], i: \"{{password}}\" }"
            .replace("[{{h: 01}]", "[{ h: 01 }]");
    let text = format!(
        "version: 1\n\
         authenticate: {{ method: POST, url: 'https://a/', json: {body}, answers: &answers \
         [{{ status: 200, outcome: success }}, {{ status: 401, outcome: refused }}] }}\n\
         change: {{ method: POST, url: 'https://a/', json: \"{{{{new_password}}}}\", answers: *answers }}\n"
    );
    let (http, _) = read_http_adapter(&text, None).unwrap();
    assert_eq!(
        http.authenticate.json.unwrap().to_string(),
        r#"{"a":1,"b":1.5,"c":true,"d":null,"e":"1","f":"0x1","g":[{"h":"01"}],"i":"{{password}}"}"#
    );
    assert_eq!(http.authenticate.timeout, 10);
}

#[test]
fn a_setting_that_sounds_like_a_secret_or_is_not_used_is_reported() {
    let text = "version: 1\nstack: keys\nservices:\n  \
        - { secret: a, username: ada, adapter: { http: f }, settings: { path: x, Api_Key: y } }\n";
    let loaded = model::load_with(text, None, &|_| Ok(FORM.to_owned())).unwrap();
    let kinds: Vec<&str> = loaded.warnings.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, ["secret-in-settings", "unused-setting"]);
}

#[test]
fn a_function_outside_the_network_is_needed_only_beside_a_network() {
    let in_network = |more: &str| -> Vec<bool> {
        let adapter = "adapter: { function: 'arn:aws:lambda:eu-west-1:111122223333:function:a' }";
        let text = format!(
            "version: 1\nstack: keys\nservices:\n  \
             - {{ secret: a, username: a, {adapter}, network: none }}\n  \
             - {{ secret: b, username: b, {adapter} }}\n{more}"
        );
        let model = model::load(&text, None).unwrap().model;
        model.services().map(|it| it.kind.in_network).collect()
    };
    let network = "network: { subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d] }\n";
    assert_eq!(in_network(network), [false, true]);
    assert_eq!(in_network(""), [true, true]);
}
