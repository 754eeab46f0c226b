//! The YAML file of an HTTP adapter.

use std::collections::BTreeMap;

use keyrota::model::read_http_adapter;
use keyrota_contract::adapter::{Operation, Request, VERSION};
use keyrota_contract::pins::service::{Http, rules};
use keyrota_contract::url::HttpsUrl;
use keyrota_service_function::adapter::http::build::build;
use secrecy::SecretString;

use crate::{CANARY, assert_placed};

/// Reads the file, and builds the requests that it describes.
///
/// # Panics
///
/// Panics if the program accepts what the function refuses, or if a request goes elsewhere than the
/// file says.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let named = BTreeMap::from([("tenant".to_owned(), "4711".to_owned())]);
    for settings in [None, Some(&named)] {
        match read_http_adapter(text, settings) {
            Ok((http, warnings)) => {
                assert_placed(&warnings, text);
                assert!(warnings.iter().all(|finding| !finding.is_error()));
                check(&http, settings);
            }
            Err(findings) => {
                assert_placed(&findings, text);
                assert!(findings.iter().any(|finding| finding.is_error()));
            }
        }
    }
}

fn check(http: &Http, settings: Option<&BTreeMap<String, String>>) {
    let written = serde_json::to_string(http).expect("it is written into the pins");
    let read: Http = serde_json::from_str(&written).expect("the function reads it");
    assert_eq!(*http, read, "the function reads something else");
    let Some(settings) = settings else {
        return;
    };
    assert_eq!(
        rules::faults(&read, settings),
        [],
        "the function refuses it"
    );
    let (old, new) = (
        SecretString::from(CANARY),
        SecretString::from("n\r\n /?#&\"{}:"),
    );
    for (operation, described) in [
        (Operation::Authenticate, &read.authenticate),
        (Operation::Change, &read.change),
    ] {
        let request = Request {
            version: VERSION,
            request: operation,
            username: "user name/../@?#&\"\u{e9}",
            password: &old,
            new_password: (operation == Operation::Change).then_some(&new),
            settings,
        };
        let Some(built) = build(described, &request) else {
            continue;
        };
        let url = HttpsUrl::parse(&described.url).expect("the rules demand it");
        assert_eq!(built.host, url.host.trim_matches(['[', ']']));
        assert_eq!(built.port, url.port);
        let uri = built.request.uri();
        assert!(
            uri.authority().is_none() && uri.path().starts_with('/'),
            "{uri}"
        );
        assert_eq!(
            uri.path().matches('/').count(),
            url.path.matches('/').count(),
            "{uri}"
        );
        assert_eq!(uri.query().is_some(), url.query.is_some(), "{uri}");
        assert_eq!(built.request.headers().get_all("host").iter().count(), 1);
    }
}
