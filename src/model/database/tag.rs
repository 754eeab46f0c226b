//! The tags of a database's secret, which describe the entry.

use std::fmt;

use keyrota_contract::tag;
use sha2::{Digest, Sha256};

use super::{ClientEndpoint, Database, PasswordRule, Verification};
use crate::model::{Entry, HostName};

/// The longest value of a tag (`API_Tag`).
pub const MAX_VALUE: usize = 256;

/// Returns a text in the characters of tag values: bytes of UTF-8 other than `[A-Za-z0-9 _.:/+@-]`
/// become `=XX`.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => escaped.push(char::from(byte)),
            b' ' | b'_' | b'.' | b':' | b'/' | b'+' | b'@' | b'-' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("={byte:02X}")),
        }
    }
    escaped
}

/// Returns the path in the function's zip file of a file that the manifest names.
pub fn authorities_file(tls_ca: &str) -> String {
    let hash = Sha256::digest(tls_ca.as_bytes());
    let digits: String = hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    digits + ".pem"
}

/// Returns `HOST:PORT`, with brackets around an IPv6 address.
fn written(host: &HostName, port: u16) -> String {
    match host.as_str().contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

impl ClientEndpoint {
    /// Returns `HOST:PORT`, with brackets around an IPv6 address.
    pub fn endpoint(&self) -> String {
        written(&self.host, self.port)
    }
}

impl Database {
    /// Returns `HOST:PORT` of the server, with brackets around an IPv6 address.
    pub fn endpoint(&self) -> String {
        written(&self.host, self.port)
    }

    /// Returns the host and the port that the secret's value contains: where clients log in.
    pub fn published(&self) -> (&HostName, u16) {
        match &self.clients {
            Some(clients) => (&clients.host, clients.port),
            None => (&self.host, self.port),
        }
    }

    /// Returns the path in the function's zip file of the certificate authorities, if the manifest
    /// names a file and the certificate is verified.
    pub fn authorities_file(&self) -> Option<String> {
        match self.tls {
            Verification::None => None,
            Verification::Full | Verification::Authority => {
                self.tls_ca.as_deref().map(authorities_file)
            }
        }
    }

    /// Returns the initial value of the secret in the template. It depends only on the user's
    /// identity, because CloudFormation would overwrite the current password if this text changed.
    pub fn seed(&self) -> String {
        let username = serde_json::Value::from(self.username.as_str());
        format!(
            r#"{{"engine":"{}","username":{username}}}"#,
            self.engine.name()
        )
    }
}

impl Database {
    /// Returns the tags that describe the database, in the order of the template.
    pub fn tags(&self, entry: &Entry) -> Vec<(&'static str, String)> {
        let tls = match self.authorities_file() {
            Some(file) => format!("{} {file}", self.tls.name()),
            None => self.tls.name().to_owned(),
        };
        let dbname = self.dbname.as_deref().map(escaped);
        let owns_user = self.create_user.is_some().then(|| "true".to_owned());
        let mut tags = vec![
            (tag::USER, escaped(&self.username)),
            (tag::KIND, tag::DATABASE.to_owned()),
            (tag::ENGINE, self.engine.name().to_owned()),
            (tag::ENDPOINT, self.endpoint()),
        ];
        tags.extend(dbname.map(|name| (tag::DBNAME, name)));
        tags.extend([
            (tag::TLS, tls),
            (tag::PASSWORD, self.password.to_string()),
            (tag::ROTATE_AS, escaped(entry.rotate_as.as_str())),
            (tag::OLD_KEY, entry.old_key.to_string()),
        ]);
        tags.extend(owns_user.map(|owns| (tag::OWNS_USER, owns)));
        tags
    }
}

/// Writes the value of the secret's tag.
impl fmt::Display for PasswordRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "length={} exclude={}",
            self.length,
            escaped(&self.exclude)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::load;

    #[test]
    fn a_tag_has_none_but_the_usual_letters() {
        assert_eq!(escaped("a b_c.d:e/f+g@h-i"), "a b_c.d:e/f+g@h-i");
        assert_eq!(escaped("a=b'\"\\\u{e9}"), "a=3Db=27=22=5C=C3=A9");
        let rule = PasswordRule {
            length: 32,
            exclude: "/@\"'\\".to_owned(),
        };
        assert_eq!(rule.to_string(), "length=32 exclude=/@=22=27=5C");
    }

    #[test]
    fn a_file_in_the_zip_is_named_by_what_the_manifest_says() {
        assert_eq!(authorities_file("rds.pem"), "6d31fdd3b48ee3b8.pem");
    }

    #[test]
    fn a_database_is_pinned_whole() {
        let text = "\
version: 1
stack: keys
databases:
  - secret: prod/orders
    engine: postgres
    host: '2001:db8::1'
    dbname: a=b
    username: 'o''rders \"app\"'
    tls_ca: rds.pem
    rotate_as: ops/administrator
";
        let model = load(text, None).unwrap().model;
        let database = model.databases().next().unwrap();
        let tags: Vec<String> = database
            .kind
            .tags(&database)
            .into_iter()
            .map(|(key, value)| format!("{key} {value}"))
            .collect();
        insta::assert_snapshot!(tags.join("\n"), @"
        keyrota:user o=27rders =22app=22
        keyrota:kind database
        keyrota:engine postgres
        keyrota:endpoint [2001:db8::1]:5432
        keyrota:dbname a=3Db
        keyrota:tls verify-full 6d31fdd3b48ee3b8.pem
        keyrota:password length=32 exclude=/@=22=27=5C
        keyrota:rotate-as ops/administrator
        keyrota:old-key until_next_rotation
        ");
        assert_eq!(
            database.kind.seed(),
            r#"{"engine":"postgres","username":"o'rders \"app\""}"#
        );
    }
}
