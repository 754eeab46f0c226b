//! Puts the values of a request into the request that an adapter's file describes. Pure.
//!
//! A value is escaped for its place, so that no user name, password, or setting can
//! change what a request asks for: percent-encoded in a path and in a query, as a string in JSON, as a
//! value in a form. A value that is not valid in a header makes the request impossible.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
    USER_AGENT,
};
use keyrota_contract::adapter::Request;
use keyrota_contract::pins::service::{HttpRequest, Method};
use keyrota_contract::template::{Placeholder, Template};
use keyrota_contract::url::HttpsUrl;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

/// All but the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request that is ready to be sent. The type has no `Debug`, because that would show passwords.
pub struct Built {
    /// The host to connect to, without the brackets of an IPv6 address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The request.
    pub request: hyper::Request<Full<Bytes>>,
}

/// Returns the request with its values, or `None` if a value is not valid in the place where the file puts it.
pub fn build(described: &HttpRequest, request: &Request<'_>) -> Option<Built> {
    let url = HttpsUrl::parse(&described.url).ok()?;
    let values = Values(request);
    let mut headers = headers(described, &url, &values)?;
    let (content_type, body) = body(described, &values)?;
    if let Some(content_type) = content_type
        && !headers.contains_key(CONTENT_TYPE)
    {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    let mut built = hyper::Request::new(Full::new(Bytes::from(body)));
    *built.method_mut() = match described.method {
        Method::Get => hyper::Method::GET,
        Method::Post => hyper::Method::POST,
        Method::Put => hyper::Method::PUT,
        Method::Patch => hyper::Method::PATCH,
    };
    *built.uri_mut() = target(&url, &values)?.parse().ok()?;
    *built.headers_mut() = headers;
    Some(Built {
        host: url.host.trim_matches(['[', ']']).to_owned(),
        port: url.port,
        request: built,
    })
}

/// Returns the path and the query.
fn target(url: &HttpsUrl<'_>, values: &Values<'_>) -> Option<String> {
    let escaped = |text| {
        let escape = |value: &str| utf8_percent_encode(value, RESERVED).to_string();
        values.put_into(text, escape)
    };
    let path = escaped(url.path)?;
    // A server may resolve these, and so reach another path than the one in the file.
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return None;
    }
    match url.query {
        Some(query) => Some(format!("{path}?{}", escaped(query)?)),
        None => Some(path),
    }
}

fn headers(described: &HttpRequest, url: &HttpsUrl<'_>, values: &Values<'_>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    let host = match url.port {
        443 => url.host.to_owned(),
        port => format!("{}:{port}", url.host),
    };
    headers.insert(HOST, HeaderValue::from_str(&host).ok()?);
    headers.insert(USER_AGENT, HeaderValue::from_static("keyrota"));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    for (name, text) in &described.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.insert(name, header(&values.plain(text)?)?);
    }
    if let Some(basic) = &described.basic {
        let (username, password) = (
            values.plain(&basic.username)?,
            values.plain(&basic.password)?,
        );
        // The first colon ends the user name (RFC 7617, section 2).
        if username.contains(':')
            || [&username, &password]
                .iter()
                .any(|it| it.contains(char::is_control))
        {
            return None;
        }
        let text = format!(
            "Basic {}",
            STANDARD.encode(format!("{username}:{password}"))
        );
        headers.insert(AUTHORIZATION, header(&text)?);
    }
    Some(headers)
}

/// Returns the value of a header, which logs of libraries do not show. Servers read other characters than
/// these in different ways, or as the beginning of another header (RFC 9110, section 5.5).
fn header(text: &str) -> Option<HeaderValue> {
    if !text.chars().all(|it| it == ' ' || it.is_ascii_graphic()) {
        return None;
    }
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Returns the body and its type.
fn body(described: &HttpRequest, values: &Values<'_>) -> Option<(Option<&'static str>, Vec<u8>)> {
    if let Some(json) = &described.json {
        let text = values.json(json)?.to_string();
        return Some((Some("application/json"), text.into_bytes()));
    }
    let Some(form) = &described.form else {
        return Some((None, Vec::new()));
    };
    let mut encoded = form_urlencoded::Serializer::new(String::new());
    for (name, text) in form {
        encoded.append_pair(name, &values.plain(text)?);
    }
    let body = encoded.finish().into_bytes();
    Some((Some("application/x-www-form-urlencoded"), body))
}

/// The values that replace placeholders.
struct Values<'request>(&'request Request<'request>);

impl Values<'_> {
    fn of(&self, placeholder: Placeholder<'_>) -> Option<&str> {
        match placeholder {
            Placeholder::Username => Some(self.0.username),
            Placeholder::Password => Some(self.0.password.expose_secret()),
            Placeholder::NewPassword => self.0.new_password.map(|it| it.expose_secret()),
            Placeholder::Setting(name) => self.0.settings.get(name).map(String::as_str),
        }
    }

    fn put_into(&self, text: &str, escape: impl Fn(&str) -> String) -> Option<String> {
        let template = Template::parse(text).ok()?;
        let value = |placeholder| self.of(placeholder).map(&escape).ok_or(());
        template.render(value).ok()
    }

    /// Returns a text with its values as they are.
    fn plain(&self, text: &str) -> Option<String> {
        self.put_into(text, str::to_owned)
    }

    /// Returns a JSON value with values in its strings. The names of fields stay as they are.
    fn json(&self, json: &Value) -> Option<Value> {
        Some(match json {
            Value::String(text) => Value::String(self.plain(text)?),
            Value::Array(items) => {
                let items = items.iter().map(|item| self.json(item));
                Value::Array(items.collect::<Option<_>>()?)
            }
            Value::Object(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| Some((name.clone(), self.json(value)?)));
                Value::Object(fields.collect::<Option<Map<_, _>>>()?)
            }
            other => other.clone(),
        })
    }
}
