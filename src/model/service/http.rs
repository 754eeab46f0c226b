//! Reads an HTTP adapter's file, and checks it with the settings of an entry.

use std::collections::{BTreeMap, BTreeSet};

use keyrota_contract::adapter::{self, Operation};
use keyrota_contract::pins::service::{Http, HttpRequest, rules};
use keyrota_contract::template::{Placeholder, Template};

use super::http_request::{self, texts};
use crate::model::database::read::check_path;
use crate::model::fields::{Fields, HTTP_ADAPTER};
use crate::model::reader::{Field, Findings};
use crate::model::{Finding, document};

/// The longest file, in bytes. It is a part of the pins, which a function reads at each start.
const LONGEST_FILE: usize = 64 * 1024;

/// Reads the text of an HTTP adapter's file. `settings` are those of an entry, if there is one.
///
/// # Errors
///
/// Returns every finding, in the order of the lines.
pub fn read_http_adapter(
    text: &str,
    settings: Option<&BTreeMap<String, String>>,
) -> Result<(Http, Vec<Finding>), Vec<Finding>> {
    if text.len() > LONGEST_FILE {
        let message = format!("the file has more than {LONGEST_FILE} bytes");
        return Err(vec![Finding::error("http-adapter", "", message)]);
    }
    let root = document::parse(text).map_err(|finding| vec![finding])?;
    let findings = Findings::default();
    let http = read_root(&Field::root(&root, &findings), settings);
    let mut findings = findings.into_sorted();
    // The function refuses a pin that breaks a rule. Most were reported above, each with its line.
    if let (Some(http), false) = (&http, findings.iter().any(Finding::is_error)) {
        // Without an entry, each setting that the file names may exist.
        let all = || settings_of(http).map(|name| (name.to_owned(), String::new()));
        let settings = settings.cloned().unwrap_or_else(|| all().collect());
        let faults = rules::faults(http, &settings).into_iter();
        let told = faults.map(|it| Finding::error("invalid-adapter", it.field, it.problem));
        findings.extend(told);
    }
    match http {
        Some(http) if !findings.iter().any(Finding::is_error) => Ok((http, findings)),
        _ => Err(findings),
    }
}

/// Reads the text of the file that an entry names, and reports its findings at the entry's field.
pub(super) fn read(
    text: &str,
    file: &str,
    settings: Option<&BTreeMap<String, String>>,
    at: &Field<'_>,
) -> Option<Http> {
    let (http, findings) = match read_http_adapter(text, settings) {
        Ok((http, findings)) => (Some(http), findings),
        Err(findings) => (None, findings),
    };
    for finding in findings {
        let line = finding
            .line
            .map_or(String::new(), |line| format!(", line {line}"));
        let place = match finding.path.as_str() {
            "" => String::new(),
            path => format!("{path}: "),
        };
        at.report(Finding {
            path: at.path().to_owned(),
            message: format!("{file}{line}: {place}{}", finding.message),
            ..finding
        });
    }
    http
}

/// Warns about settings that no request uses.
pub(super) fn check_unused_settings(
    http: &Http,
    settings: &BTreeMap<String, String>,
    file: &str,
    at: &Field<'_>,
) {
    let used: BTreeSet<&str> = settings_of(http).collect();
    for name in settings.keys().filter(|name| !used.contains(name.as_str())) {
        let message = format!("{file} does not use the setting `{name}`");
        let path = format!("{}.{name}", at.path());
        at.report(
            Finding::warning("unused-setting", path, message)
                .hint(format!("remove it, or use `{{{{settings.{name}}}}}`")),
        );
    }
}

/// Returns the settings that the requests name.
pub(super) fn settings_of(http: &Http) -> impl Iterator<Item = &str> {
    let requests = [&http.authenticate, &http.change];
    let templates = requests.into_iter().flat_map(texts);
    let templates = templates.filter_map(|text| Template::parse(text).ok());
    templates.flat_map(|template| {
        let names = template
            .placeholders()
            .filter_map(|placeholder| match placeholder {
                Placeholder::Setting(name) => Some(name),
                _ => None,
            });
        names.collect::<Vec<&str>>()
    })
}

fn read_root(root: &Field<'_>, settings: Option<&BTreeMap<String, String>>) -> Option<Http> {
    let fields = Fields::of(root, &HTTP_ADAPTER)?;
    let version = fields.require("version").and_then(|field| {
        field.parse("unsupported-version", |text| match text.parse() {
            Ok(adapter::VERSION) => Ok(adapter::VERSION),
            _ => Err(format!(
                "version `{text}` is not supported; use version {}",
                adapter::VERSION
            )),
        })
    });
    let request = |operation: Operation| -> Option<HttpRequest> {
        fields.require(operation.name())?;
        let request = fields.mapping(operation.name())?;
        http_request::read(&request, operation, settings)
    };
    let tls_ca = fields.optional("tls_ca", |field| field.parse("invalid-value", check_path));
    let (authenticate, change) = (request(Operation::Authenticate), request(Operation::Change));
    Some(Http {
        version: version?,
        authenticate: authenticate?,
        change: change?,
        tls_ca: tls_ca?,
    })
}
