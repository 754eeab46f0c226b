//! Finds texts in an HTTP request, decoded from wherever they stand: the path, the query, headers,
//! `Authorization`, and bodies in JSON or of forms. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// The texts of a request. It has no `Debug`, because they contain passwords.
pub struct Carried {
    /// The decoded texts.
    pub texts: Vec<String>,
    /// Whether the address of the request is that of a change, and not that of a login.
    pub asks_for_change: bool,
}

impl Carried {
    /// Returns the texts of a request.
    pub fn read(
        path: &str,
        query: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
        asks_for_change: bool,
    ) -> Self {
        let mut texts: Vec<String> = path
            .split('/')
            .filter_map(|segment| percent_decode_str(segment).decode_utf8().ok())
            .map(|segment| segment.into_owned())
            .collect();
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        texts.extend(pairs.map(|(_, value)| value.into_owned()));
        for (name, value) in headers {
            let Ok(value) = value.to_str() else { continue };
            let basic = value
                .strip_prefix("Basic ")
                .filter(|_| name == AUTHORIZATION);
            match basic.and_then(|text| STANDARD.decode(text).ok()) {
                Some(decoded) => texts.push(String::from_utf8_lossy(&decoded).into_owned()),
                None => texts.push(value.to_owned()),
            }
        }
        match serde_json::from_slice(body) {
            Ok(json) => strings(&json, &mut texts),
            Err(_) => {
                let pairs = form_urlencoded::parse(body);
                texts.extend(pairs.map(|(_, value)| value.into_owned()));
            }
        }
        Self {
            texts,
            asks_for_change,
        }
    }

    /// Returns whether a text contains this one.
    pub fn contains(&self, text: &str) -> bool {
        self.texts.iter().any(|carried| carried.contains(text))
    }
}

fn strings(json: &Value, texts: &mut Vec<String>) {
    match json {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn a_text_is_found_wherever_it_stands() {
        let secret = "p\"a%s&s=w {o}rd+";
        let none = HeaderMap::new();
        let mut basic = HeaderMap::new();
        let value = format!("Basic {}", STANDARD.encode(format!("user:{secret}")));
        basic.insert(AUTHORIZATION, HeaderValue::from_str(&value).unwrap());
        let escaped = "p%22a%25s%26s%3Dw%20%7Bo%7Drd%2B";
        let json = serde_json::json!({ "user": [{ "password": secret }] }).to_string();
        let form = format!("user=a&password={escaped}");
        for (path, query, headers, body) in [
            (format!("/a/{escaped}"), None, &none, ""),
            ("/".to_owned(), Some(format!("x={escaped}")), &none, ""),
            ("/".to_owned(), None, &basic, ""),
            ("/".to_owned(), None, &none, json.as_str()),
            ("/".to_owned(), None, &none, form.as_str()),
        ] {
            let carried = Carried::read(&path, query.as_deref(), headers, body.as_bytes(), false);
            assert!(carried.contains(secret), "{path} {query:?} {body}");
            assert!(!carried.contains("other"));
        }
    }
}
