//! The URLs of HTTP adapters. The host and the port of a URL are those that the function connects to.

use std::fmt;

/// The beginning of each URL.
const SCHEME: &str = "https://";
/// The port if a URL names none.
const DEFAULT_PORT: u16 = 443;
/// Characters that cannot be in a URL, and that some servers would read as others.
const UNSENDABLE: [char; 5] = ['"', '<', '>', '\\', '`'];
/// The longest host, in characters (RFC 1035, section 2.3.4).
const LONGEST_HOST: usize = 253;

/// A URL in its parts. Only the path and the query may contain placeholders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpsUrl<'text> {
    /// The DNS name or the address: an IPv6 address is in brackets.
    pub host: &'text str,
    /// The TCP port.
    pub port: u16,
    /// The path, which begins with `/`.
    pub path: &'text str,
    /// The query after `?`, if there is one.
    pub query: Option<&'text str>,
}

/// Why a text is not such a URL. It reads after the text's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// It does not begin with `https://`.
    NotHttps,
    /// It has a user name or a password before the host.
    UserInfo,
    /// The host is none, or contains a placeholder or another character that a host cannot have.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
    /// It has a fragment, which is never sent.
    Fragment,
    /// The path or the query has a character that a URL cannot have (RFC 3986, section 2): a space, a control
    /// character, one of these, or a character that is not ASCII.
    Characters,
}

impl fmt::Display for UrlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotHttps => "does not begin with `https://`",
            Self::UserInfo => "has a user name before the host; use `basic`",
            Self::Host => {
                "has no valid host; a host contains letters, digits, hyphens, and periods, and no \
                 placeholder"
            }
            Self::Port => "has a port that is not a number from 1 to 65535",
            Self::Fragment => "has a fragment (`#`), which is never sent",
            Self::Characters => {
                "has a space, a control character, one of `\"`, `<`, `>`, `\\`, and the backtick, or a character \
                 that is not ASCII; percent-encode it"
            }
        })
    }
}

impl std::error::Error for UrlError {}

impl<'text> HttpsUrl<'text> {
    /// Parses a URL, in whose path and query placeholders may be.
    ///
    /// # Errors
    ///
    /// Fails if the text is not an absolute HTTPS URL with a fixed host and port.
    pub fn parse(text: &'text str) -> Result<Self, UrlError> {
        let rest = text.strip_prefix(SCHEME).ok_or(UrlError::NotHttps)?;
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        let (host, port) = authority_parts(authority)?;
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        // Names in placeholders are checked as placeholders are.
        let outside = outside_placeholders(rest);
        if !outside
            .chars()
            .all(|one| one.is_ascii_graphic() && !UNSENDABLE.contains(&one))
        {
            return Err(UrlError::Characters);
        }
        Ok(Self {
            host,
            port,
            path: if path.is_empty() { "/" } else { path },
            query,
        })
    }
}

/// Returns the text without its placeholders.
fn outside_placeholders(text: &str) -> String {
    let mut outside = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        outside.push_str(before);
        rest = after.split_once("}}").map_or("", |(_, after)| after);
    }
    outside.push_str(rest);
    outside
}

fn authority_parts(authority: &str) -> Result<(&str, u16), UrlError> {
    let host_end = match authority.starts_with('[') {
        true => authority.find(']').ok_or(UrlError::Host)? + 1,
        false => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_end);
    if !is_host(host) {
        return Err(UrlError::Host);
    }
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|one| one.is_ascii_digit()) => {
            digits.parse().map_err(|_| UrlError::Port)?
        }
        None if port.is_empty() => DEFAULT_PORT,
        _ => return Err(UrlError::Port),
    };
    match port {
        0 => Err(UrlError::Port),
        port => Ok((host, port)),
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').unwrap_or_default();
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|one| one.is_ascii_alphanumeric() || one == b'-')
    };
    host.len() <= LONGEST_HOST && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_parts() {
        let url = |host, port, path, query| HttpsUrl {
            host,
            port,
            path,
            query,
        };
        for (text, parts) in [
            ("https://a.example", url("a.example", 443, "/", None)),
            (
                "https://a:8443/b/{{username}}",
                url("a", 8443, "/b/{{username}}", None),
            ),
            (
                "https://10.0.0.1?x={{ settings.y z }}",
                url("10.0.0.1", 443, "/", Some("x={{ settings.y z }}")),
            ),
            ("https://[::1]:1/", url("[::1]", 1, "/", None)),
        ] {
            assert_eq!(HttpsUrl::parse(text), Ok(parts), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, error) in [
            ("http://a/", UrlError::NotHttps),
            ("HTTPS://a/", UrlError::NotHttps),
            ("/a", UrlError::NotHttps),
            ("https://", UrlError::Host),
            ("https://a_b/", UrlError::Host),
            ("https://{{settings.host}}/", UrlError::Host),
            ("https://a.example\\@b/", UrlError::Characters),
            ("https://a b/", UrlError::Host),
            ("https://-a/", UrlError::Host),
            ("https://a../", UrlError::Host),
            ("https://[::1/", UrlError::Host),
            ("https://[x]/", UrlError::Host),
            ("https://u:p@a/", UrlError::UserInfo),
            ("https://a:/", UrlError::Port),
            ("https://a:0/", UrlError::Port),
            ("https://a:65536/", UrlError::Port),
            ("https://a:+1/", UrlError::Port),
            ("https://[::1]x/", UrlError::Port),
            ("https://a/#b", UrlError::Fragment),
            ("https://a/b c", UrlError::Characters),
            ("https://a/é", UrlError::Characters),
            ("https://a/\r\nx", UrlError::Characters),
            ("https://a/\"b\"", UrlError::Characters),
            ("https://a/<b", UrlError::Characters),
            ("https://a/?b>", UrlError::Characters),
            ("https://a/?b=`c`", UrlError::Characters),
        ] {
            assert_eq!(HttpsUrl::parse(text), Err(error), "{text}");
        }
    }
}
