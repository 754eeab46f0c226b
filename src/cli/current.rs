//! The credential in a secret, for the two commands that output it.

use std::collections::BTreeMap;

use clap::Args;
use keyrota_contract::value::{ACCESS_KEY, OF_ACCESS_KEYS, OF_DATABASES, SECRET_KEY};

use super::Exit;
use super::failure::Failed;
use crate::model::{Content, Credential, Login, Names};
use crate::port::{CURRENT, Secrets};

/// The option that names the fields of a value.
#[derive(Args, Debug)]
pub(super) struct FieldsOption {
    /// Names of the fields in the secret's value, such as accesskey=ID,secretkey=KEY
    ///
    /// By default, the names are those that keyrota gives: accesskey and secretkey, or engine,
    /// host, port, dbname, username, and password. AWS_ACCESS_KEY_ID and
    /// AWS_SECRET_ACCESS_KEY are tried too.
    #[arg(
        long,
        value_name = "FIELD=NAME",
        value_delimiter = ',',
        value_parser = parse_field
    )]
    fields: Vec<(String, String)>,
}

fn parse_field(text: &str) -> Result<(String, String), String> {
    let known = |field: &str| OF_ACCESS_KEYS.contains(&field) || OF_DATABASES.contains(&field);
    match text.split_once('=') {
        Some((field, name)) if known(field) && !name.is_empty() => {
            Ok((field.to_owned(), name.to_owned()))
        }
        _ => Err(format!(
            "expected FIELD=NAME, with one of the fields {}, {}",
            OF_ACCESS_KEYS.join(", "),
            OF_DATABASES[..6].join(", ")
        )),
    }
}

impl FieldsOption {
    /// Returns the names of a value's fields.
    pub(super) fn names(&self) -> Result<Names, Failed> {
        let refused = |why: String| Failed::new("usage", why).exit(Exit::Usage);
        let mut given: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (field, name) in &self.fields {
            if given.insert(field.clone(), vec![name.clone()]).is_some() {
                return Err(refused(format!("--fields has two names for {field}")));
            }
        }
        let usual = Names::usual();
        for field in [ACCESS_KEY, SECRET_KEY] {
            let names = || usual.all(field).into_iter().map(str::to_owned).collect();
            given.entry(field.to_owned()).or_insert_with(names);
        }
        Ok(Names::new(given))
    }

    /// Returns the value of the option, if it is given.
    pub(super) fn as_argument(&self) -> Option<String> {
        let pairs = self
            .fields
            .iter()
            .map(|(field, name)| format!("{field}={name}"));
        (!self.fields.is_empty()).then(|| pairs.collect::<Vec<_>>().join(","))
    }

    /// Returns whether the option names a field that only a value with the fields `own` has.
    fn has_any(&self, own: &[&str], other: &[&str]) -> bool {
        let is_own = |field: &str| own.contains(&field) && !other.contains(&field);
        self.fields.iter().any(|(field, _)| is_own(field))
    }
}

/// A current credential.
pub(super) enum CurrentCredential {
    /// An IAM user's access key.
    Key(Credential),
    /// A database user's password.
    Login(Login),
}

impl CurrentCredential {
    /// Reads the current value of a secret. Its fields determine the kind of the
    /// credential.
    pub(super) async fn read<S: Secrets + ?Sized>(
        secrets: &S,
        secret: &str,
        fields: &FieldsOption,
    ) -> Result<Self, Failed> {
        let (credential, _) = Self::read_version(secrets, secret, fields).await?;
        Ok(credential)
    }

    /// Reads the current value of a secret, with the ID of its version.
    pub(super) async fn read_version<S: Secrets + ?Sized>(
        secrets: &S,
        secret: &str,
        fields: &FieldsOption,
    ) -> Result<(Self, String), Failed> {
        let refused = |why: String| Failed::new("secret", format!("the secret {secret} {why}"));
        let names = fields.names()?;
        let value = secrets.value(secret, CURRENT).await?;
        let value = value.ok_or_else(|| {
            refused("does not exist, or has no value".into()).hint("check the name and --region")
        })?;
        let (key, login) = (
            Credential::read(&value.text, &names),
            Login::read(&value.text, &names),
        );
        let credential = Self::choose(&refused, secret, &names, fields, key, login)?;
        Ok((credential, value.version))
    }

    /// Returns the credential that a value contains.
    fn choose(
        refused: &dyn Fn(String) -> Failed,
        secret: &str,
        names: &Names,
        fields: &FieldsOption,
        key: Content<Credential>,
        login: Content<Login>,
    ) -> Result<Self, Failed> {
        // An option that names a password asks for a password.
        let of_key = fields.has_any(&OF_ACCESS_KEYS, &OF_DATABASES);
        let of_login = fields.has_any(&OF_DATABASES, &OF_ACCESS_KEYS);
        let incomplete = |missing: Vec<&'static str>| Err(lacks(refused, names, &missing));
        match (key, login) {
            (Content::Complete(key), _) if !of_login => Ok(Self::Key(key)),
            (_, Content::Complete(login)) if !of_key => Ok(Self::Login(login)),
            (content @ (Content::Malformed(_) | Content::Ambiguous(_)), _) if !of_login => {
                let what = content.complete().err().unwrap_or_default();
                let hint = match content {
                    Content::Ambiguous(_) => "use --fields to choose the names",
                    _ => "run `keyrota doctor` to see how to store the value again",
                };
                Err(refused(what).hint(hint))
            }
            (_, content @ Content::Ambiguous(_)) if !of_key => {
                let what = content.complete().err().unwrap_or_default();
                Err(refused(what).hint("use --fields to choose the names"))
            }
            // Only a user name and a password: the login of a service.
            (Content::Incomplete(_), Content::Incomplete(missing))
                if !of_key && missing == ["engine", "host"] =>
            {
                let why = "contains the password of a service, for which there are no environment variables";
                Err(refused(why.to_owned()).hint(format!(
                    "read it in the client: aws secretsmanager get-secret-value --secret-id {secret}"
                )))
            }
            // A first value has a user's name and, of a database, the engine.
            (_, Content::Incomplete(missing))
                if of_login || (!of_key && !missing.contains(&"engine")) =>
            {
                incomplete(missing)
            }
            (Content::Incomplete(missing), _) => incomplete(missing),
            (Content::Misnamed, _) => incomplete(vec![ACCESS_KEY, SECRET_KEY]),
            _ => Err(refused("does not contain a JSON object".into())),
        }
    }
}

/// Returns the failure for a value without some fields. It says which names were tried.
fn lacks(refused: &dyn Fn(String) -> Failed, names: &Names, missing: &[&'static str]) -> Failed {
    let tried: Vec<String> = missing
        .iter()
        .map(|field| names.all(field).join(" or "))
        .collect();
    let example: Vec<String> = missing.iter().map(|it| format!("{it}=NAME")).collect();
    refused(format!("lacks {}", tried.join(", "))).hint(format!(
        "run `keyrota bootstrap` to store the first credential; if the fields have other names, use --fields {}",
        example.join(",")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(fields: &[&str]) -> Result<Names, Failed> {
        let fields = fields.iter().map(|text| parse_field(text).unwrap());
        let fields = fields.collect();
        FieldsOption { fields }.names()
    }

    #[test]
    fn a_given_name_is_the_only_one() {
        let given = names(&["accesskey=ID", "password=PGPASSWORD"]).unwrap_or_default();
        assert_eq!(given.all("accesskey"), ["ID"]);
        assert_eq!(
            given.all("secretkey"),
            ["secretkey", "AWS_SECRET_ACCESS_KEY"]
        );
        assert_eq!(given.all("password"), ["PGPASSWORD"]);
        assert_eq!(given.all("host"), ["host"]);
        assert!(names(&["accesskey=A", "accesskey=B"]).is_err());
    }

    #[test]
    fn what_is_not_a_field_is_refused() {
        for text in ["accesskey", "accesskey=", "key=A", "=A", ""] {
            assert!(parse_field(text).is_err(), "{text}");
        }
        let equal = ("host".to_owned(), "a=b".to_owned());
        assert_eq!(parse_field("host=a=b"), Ok(equal));
    }
}
