//! The credential report: every user's access keys and console password, in CSV.
//!
//! It names no access key. A listed key is matched with one of the two of its user by its status
//! and its creation date.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::KeyUse;
use super::LastUse;
use crate::port::{Key, ReportDocument};

/// The user name of the root user's row.
pub(super) const ROOT: &str = "<root_account>";

/// The credential report.
#[derive(Clone, Debug, Default)]
pub struct CredentialReport {
    /// When IAM generated it.
    pub generated: Option<Timestamp>,
    users: BTreeMap<String, ReportedUser>,
}

/// A user's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedUser {
    /// The name, or `<root_account>`.
    pub name: String,
    /// The ARN.
    pub arn: String,
    /// Whether the user has a console password. Absent for the root user.
    pub password: Option<bool>,
    /// The two keys that a user can have.
    pub keys: [ReportedKey; 2],
}

/// One of the two keys that a user can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedKey {
    /// Whether it exists and is active.
    pub active: bool,
    /// When it was created or last changed. Absent if there is no key, and, according to the
    /// documentation, if the key is inactive.
    pub changed: Option<Timestamp>,
    /// Its last use.
    pub last_use: LastUse,
}

impl ReportedKey {
    /// Returns whether the row shows a key.
    pub fn exists(&self) -> bool {
        self.active || self.changed.is_some() || matches!(self.last_use, LastUse::At(_))
    }
}

impl CredentialReport {
    /// Reads a report. A row that cannot be read is left out, so that its user is looked up
    /// instead.
    ///
    /// # Errors
    ///
    /// Returns which column is missing.
    pub fn parse(document: &ReportDocument) -> Result<Self, String> {
        let mut records = records(&document.text).into_iter();
        let header = records.next().unwrap_or_default();
        let column = |name: &str| {
            let found = header.iter().position(|column| column == name);
            found.ok_or_else(|| format!("the credential report has no column `{name}`"))
        };
        if column("user")? != 0 || column("arn")? != 1 {
            return Err(
                "the credential report does not begin with the user and the ARN".to_owned(),
            );
        }
        let password = column("password_enabled")?;
        let mut keys = [[0; 5]; 2];
        for (number, key) in keys.iter_mut().enumerate() {
            for (name, index) in KEY_COLUMNS.iter().zip(key) {
                *index = column(&format!("access_key_{}_{name}", number + 1))?;
            }
        }
        let mut users = BTreeMap::new();
        for record in records {
            let Some(fields) = aligned(record, header.len()) else {
                continue;
            };
            let user = ReportedUser {
                name: fields[0].clone(),
                arn: fields[1].clone(),
                password: truth(&fields[password]),
                keys: keys.map(|key| reported_key(&fields, key)),
            };
            users.insert(user.arn.clone(), user);
        }
        Ok(Self {
            generated: document.generated,
            users,
        })
    }

    /// Returns a user's row.
    pub fn user(&self, arn: &str) -> Option<&ReportedUser> {
        self.users.get(arn)
    }

    /// Returns the root user's row.
    pub fn root(&self) -> Option<&ReportedUser> {
        self.users.values().find(|user| user.name == ROOT)
    }
}

impl ReportedUser {
    /// Returns whether the row shows a key.
    pub fn has_key(&self) -> bool {
        self.keys.iter().any(ReportedKey::exists)
    }

    /// Returns the last use of one of the user's listed keys, or `None` if the row does not say
    /// which of its keys that is.
    pub fn last_use(&self, listed: &[Key], key: &Key) -> Option<LastUse> {
        let date = |at: Option<Timestamp>| at.map(Timestamp::as_second);
        let created = date(key.created)?;
        let alike =
            |active: bool, at: Option<Timestamp>| active == key.active && date(at) == Some(created);
        let mut reported = self.keys.iter().filter(|it| alike(it.active, it.changed));
        let listed = listed.iter().filter(|it| alike(it.active, it.created));
        match (reported.next(), reported.next(), listed.count()) {
            (Some(only), None, 1) => Some(only.last_use.clone()),
            _ => None,
        }
    }
}

/// The columns of a key, without its prefix.
const KEY_COLUMNS: [&str; 5] = [
    "active",
    "last_rotated",
    "last_used_date",
    "last_used_service",
    "last_used_region",
];

fn reported_key(fields: &[String], columns: [usize; 5]) -> ReportedKey {
    let [active, changed, used, service, region] = columns.map(|column| fields[column].as_str());
    ReportedKey {
        active: truth(active) == Some(true),
        changed: changed.parse().ok(),
        last_use: match used.parse() {
            Ok(at) => LastUse::At(KeyUse {
                at,
                service: service.to_owned(),
                region: region.to_owned(),
            }),
            Err(_) if used == "N/A" => LastUse::Never,
            Err(_) => LastUse::Unknown,
        },
    }
}

/// Returns a truth value, in whichever case it is written.
fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Returns the fields of a row, as many as there are columns. A name can contain commas, and it is
/// not documented whether IAM quotes them. A row with unquoted commas has as many additional
/// fields in the name as in the ARN, which ends with the name.
fn aligned(mut fields: Vec<String>, columns: usize) -> Option<Vec<String>> {
    let excess = fields.len().checked_sub(columns)?;
    if excess % 2 != 0 {
        return None;
    }
    let commas = excess / 2;
    let rest = fields.split_off(2 * (commas + 1));
    let arn = fields.split_off(commas + 1).join(",");
    let name = fields.join(",");
    Some([vec![name, arn], rest].concat())
}

/// Returns the records of a CSV text (RFC 4180). A line feed alone ends a record as well.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut rest = text.chars().peekable();
    while let Some(one) = rest.next() {
        match one {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted && rest.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            _ => field.push(one),
        }
    }
    if !field.is_empty() || !record.is_empty() {
        record.push(field);
        records.push(record);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

    fn row(name: &str, keys: [&str; 2]) -> String {
        format!(
            "{name},arn:aws:iam::1:user/{name},2020-01-01T00:00:00+00:00,false,N/A,N/A,N/A,false,{},{},false,N/A,false,N/A",
            keys[0], keys[1]
        )
    }

    const USED: &str = "true,2024-05-01T12:00:00+00:00,2026-10-01T10:00:00+00:00,eu-west-1,s3";
    const UNUSED: &str = "true,2025-05-01T12:00:00+00:00,N/A,N/A,N/A";
    const INACTIVE: &str = "false,2025-05-01T12:00:00+00:00,N/A,N/A,N/A";
    const NONE: &str = "false,N/A,N/A,N/A,N/A";

    fn parsed(rows: &[String]) -> CredentialReport {
        let text = format!("{HEADER}\n{}", rows.join("\n"));
        CredentialReport::parse(&ReportDocument {
            text,
            generated: None,
        })
        .unwrap()
    }

    fn key(active: bool, created: &str) -> Key {
        Key {
            id: "AKIA".to_owned(),
            active,
            created: Some(created.parse().unwrap()),
            last_used: None,
            used_in: None,
        }
    }

    fn used() -> LastUse {
        LastUse::At(KeyUse {
            at: "2026-10-01T10:00:00Z".parse().unwrap(),
            service: "s3".to_owned(),
            region: "eu-west-1".to_owned(),
        })
    }

    #[test]
    fn a_row_is_read() {
        let report = parsed(&[row("ada", [USED, NONE])]);
        let ada = report.user("arn:aws:iam::1:user/ada").unwrap();
        assert_eq!(ada.name, "ada");
        assert_eq!(ada.password, Some(false));
        assert!(ada.has_key());
        assert!(ada.keys[0].active && ada.keys[0].last_use == used());
        assert!(!ada.keys[1].exists());
        assert!(report.root().is_none());
    }

    #[test]
    fn the_root_user_has_no_password_column() {
        let root = format!(
            "<root_account>,arn:aws:iam::1:root,2015-01-01T00:00:00+00:00,not_supported,2026-01-01T00:00:00+00:00,not_supported,not_supported,true,{USED},{NONE},false,N/A,false,N/A"
        );
        let report = parsed(&[root]);
        let root = report.root().unwrap();
        assert_eq!(root.password, None);
        assert!(root.has_key());
    }

    #[test]
    fn commas_in_a_name_are_read_with_and_without_quotation_marks() {
        let bare = row("a,b=,c", [USED, NONE]);
        let quoted = row("x", [USED, NONE]);
        let (_, rest) = quoted.split_once(",2020").unwrap();
        let quoted = format!("\"a,b=,c\",\"arn:aws:iam::1:user/a,b=,c\",2020{rest}");
        for text in [bare, quoted] {
            let report = parsed(std::slice::from_ref(&text));
            let user = report.user("arn:aws:iam::1:user/a,b=,c").expect(&text);
            assert_eq!(user.name, "a,b=,c");
            assert_eq!(user.keys[0].last_use, used());
        }
    }

    #[test]
    fn a_broken_row_is_left_out_and_a_missing_column_is_an_error() {
        let report = parsed(&["ada,arn".to_owned(), row("bob", [USED, NONE])]);
        assert!(report.user("arn").is_none());
        assert!(report.user("arn:aws:iam::1:user/bob").is_some());
        for text in ["", "user,arn\n", "arn,user\n"] {
            let document = ReportDocument {
                text: text.to_owned(),
                generated: None,
            };
            assert!(CredentialReport::parse(&document).is_err(), "{text}");
        }
    }

    #[test]
    fn a_listed_key_is_matched_by_its_creation_and_its_status() {
        let report = parsed(&[row("ada", [USED, UNUSED])]);
        let ada = report.user("arn:aws:iam::1:user/ada").unwrap();
        let (old, new) = (
            key(true, "2024-05-01T12:00:00Z"),
            key(true, "2025-05-01T12:00:00Z"),
        );
        let both = [new.clone(), old.clone()];
        assert_eq!(ada.last_use(&both, &old), Some(used()));
        assert_eq!(ada.last_use(&both, &new), Some(LastUse::Never));
        // One of another date, such as a key that was created since, is not in the report.
        let later = key(true, "2026-05-01T12:00:00Z");
        assert_eq!(ada.last_use(&[old, later.clone()], &later), None);
        // Two keys that were created in the same second cannot be distinguished.
        let twins = [new.clone(), new.clone()];
        assert_eq!(ada.last_use(&twins, &new), None);
        let report = parsed(&[row("ada", [UNUSED, UNUSED])]);
        let ada = report.user("arn:aws:iam::1:user/ada").unwrap();
        assert_eq!(ada.last_use(std::slice::from_ref(&new), &new), None);
    }

    #[test]
    fn a_changed_status_is_no_match() {
        let report = parsed(&[row("ada", [INACTIVE, NONE])]);
        let ada = report.user("arn:aws:iam::1:user/ada").unwrap();
        let inactive = key(false, "2025-05-01T12:00:00Z");
        let active = key(true, "2025-05-01T12:00:00Z");
        let only = std::slice::from_ref(&inactive);
        assert_eq!(ada.last_use(only, &inactive), Some(LastUse::Never));
        let only = std::slice::from_ref(&active);
        assert_eq!(ada.last_use(only, &active), None);
    }

    #[test]
    fn csv_is_read_as_rfc_4180_says() {
        assert_eq!(
            records("a,\"b,\"\"c\"\"\nd\",e\r\nf\n"),
            [vec!["a", "b,\"c\"\nd", "e"], vec!["f"]]
        );
        assert!(records("").is_empty());
    }
}
