//! The text of a new manifest with comments, for `keyrota init`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{AccountId, IamPath, Region, Schedule, SecretName, StackName, UserName, schema};

/// Words that some version of YAML does not read as text.
const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];

/// The commented example of databases.
const DATABASES: &str = "
# Passwords of database users (postgres, mysql, mariadb). `bootstrap` prompts for the first one.
# databases: [{ secret: prod/orders-db, engine: postgres, host: orders.internal, username: orders_app }]
# The VPC of the database function. It must have a route to the databases.
# network: { subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d] }
";

/// The content of a new manifest. Its texts are checked when the manifest is loaded.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The stack.
    pub stack: StackName,
    /// The only account.
    pub account: Option<AccountId>,
    /// The Region.
    pub region: Option<Region>,
    /// E-mail addresses to notify.
    pub email: Vec<String>,
    /// `rate(…)` or `cron(…)`.
    pub schedule: String,
    /// `self`, `role` or an administrator's secret.
    pub rotate_as: String,
    /// The KMS key as the manifest names it. If it is absent, AWS's managed key is used.
    pub kms_key: Option<String>,
    /// The entries, at least one.
    pub entries: Vec<DraftEntry>,
}

/// An entry of a new manifest: a user whose key rotates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftEntry {
    /// The user.
    pub user: UserName,
    /// The user's path, if it is not `/`.
    pub path: Option<IamPath>,
    /// The existing secret that holds the user's key, if that is known from its value.
    pub holder: Option<SecretName>,
}

impl DraftEntry {
    /// Returns an entry for a user about whom nothing else is known.
    pub fn new(user: UserName) -> Self {
        Self {
            user,
            path: None,
            holder: None,
        }
    }
}

impl Draft {
    /// Returns the manifest.
    pub fn text(&self) -> String {
        let mut text = format!(
            "\
# yaml-language-server: $schema={address}
#
# The manifest of keyrota. `keyrota generate` renders it for review, and `keyrota
# bootstrap` deploys it. Optional settings are commented out.
version: 1

# Name of the CloudFormation stack.
stack: {stack}
",
            address = schema::ADDRESS,
            stack = scalar(self.stack.as_str()),
        );
        self.write_place(&mut text);
        self.write_alarms(&mut text);
        self.write_defaults(&mut text);
        text.push_str("\naccess_keys:\n");
        let secrets = self.secrets();
        for (index, (entry, secret)) in self.entries.iter().zip(&secrets).enumerate() {
            self.write_entry(&mut text, entry, secret.as_deref(), index == 0);
        }
        text.push_str(DATABASES);
        text
    }

    /// Returns the names of secrets for users whose secret cannot be named `STACK/USER`: because an
    /// existing secret is adopted, or because a secret's name must not contain a comma or end like
    /// an ARN.
    fn secrets(&self) -> Vec<Option<String>> {
        let adopted = |entry: &DraftEntry| entry.holder.as_ref().map(ToString::to_string);
        let mut taken: BTreeSet<String> = self.entries.iter().filter_map(adopted).collect();
        let mut name = |entry: &DraftEntry| {
            if let Some(adopted) = adopted(entry) {
                return Some(adopted);
            }
            let derived = format!("{}/{}", self.stack, entry.user);
            if SecretName::parse(&derived).is_ok() && !taken.contains(&derived) {
                return None;
            }
            let base = format!("{}/access-key", derived.replace(',', "_"));
            let numbered = (2..).map(|number| format!("{base}-{number}"));
            let mut names = std::iter::once(base.clone()).chain(numbered);
            names.find(|name| taken.insert(name.clone()))
        };
        self.entries.iter().map(&mut name).collect()
    }

    fn write_place(&self, text: &mut String) {
        text.push_str("\n# The AWS account. keyrota refuses to run in another one.\n");
        match &self.account {
            Some(account) => {
                let _ = writeln!(text, "account: \"{account}\"");
            }
            None => text.push_str("# account: \"111122223333\"\n"),
        }
        match &self.region {
            Some(region) => {
                let _ = writeln!(text, "region: {region}");
            }
            None => text.push_str(
                "# The AWS Region. By default, the Region of the AWS configuration.\n# region: eu-west-1\n",
            ),
        }
        text.push_str(
            "\n# Tags of every resource that supports tags.\n# tags: { team: payments }\n",
        );
    }

    fn write_alarms(&self, text: &mut String) {
        text.push_str("\n# E-mail addresses to notify if a rotation fails or is overdue, or if an old key is still\n# in use. Each recipient must confirm the subscription.\n");
        if self.email.is_empty() {
            text.push_str("# alarms: { email: [ops@example.com] }\n");
            return;
        }
        text.push_str("alarms:\n  email:\n");
        for address in &self.email {
            let _ = writeln!(text, "    - {}", scalar(address));
        }
    }

    fn write_defaults(&self, text: &mut String) {
        let _ = write!(
            text,
            "
# Defaults for all entries.
defaults:
  # Rotation schedule in UTC, at most every four hours. `keyrota schedule 'EXPRESSION'`
  # lists the next rotation windows.
  schedule: {schedule}
  # Principal that replaces the keys: self (the user's own key), role (the function's
  # execution role), or the name of an administrator's secret.
  rotate_as: {rotate_as}
",
            schedule = scalar(&self.schedule),
            rotate_as = scalar(&self.rotate_as),
        );
        text.push_str(
            "  # KMS key that encrypts the secrets: aws/secretsmanager (free, for this account only),\n  # create (a new key), or the ARN of an existing key.\n",
        );
        let _ = match &self.kms_key {
            Some(key) => writeln!(text, "  kms_key: {}", scalar(key)),
            None => writeln!(text, "  # kms_key: create"),
        };
        text.push_str(
            "  # By default, the old key stays active until the next rotation. To retire it earlier, use\n  # old_key. A key that a client still uses is held back.\n  # old_key: { deactivate_after: 1d, delete_after: 7d }\n",
        );
    }

    fn write_entry(
        &self,
        text: &mut String,
        entry: &DraftEntry,
        secret: Option<&str>,
        first: bool,
    ) {
        let user = &entry.user;
        let _ = writeln!(text, "  - user: {}", scalar(user.as_str()));
        if let Some(path) = &entry.path {
            let _ = writeln!(text, "    path: {}", scalar(path.as_str()));
        }
        match secret {
            Some(secret) => {
                let _ = writeln!(text, "    secret: {}", scalar(secret));
            }
            None if first => {
                let _ = writeln!(text, "    # secret: {}/{user}", self.stack);
            }
            None => {}
        }
        if entry.holder.is_some() {
            text.push_str("    adopt: true\n");
        } else if first {
            text.push_str(
                "    # Adopt the key of a profile in ~/.aws/credentials, so that its clients continue to work.\n    # By default, a new key is created.\n    # initial_key: profile:NAME\n    # Let the stack create the user.\n    # create_user: true\n",
            );
        }
    }
}

/// Returns a name as a YAML scalar, in quotes if it could be read as something other than text.
fn scalar(text: &str) -> String {
    let calm = |byte: u8| byte.is_ascii_alphanumeric() || b"-/_.@".contains(&byte);
    // The grammar of schedules allows no character with a special meaning in YAML.
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && (text.bytes().all(calm) || Schedule::parse(text).is_ok())
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    match plain {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// Returns a text in double quotes, with escapes that YAML and JSON share.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Entry, Model, load};
    use super::*;
    use crate::render::{self, Fleet, Record, Templates};

    fn draft(stack: &str, users: &[&str]) -> Draft {
        Draft {
            stack: StackName::parse(stack).unwrap(),
            account: None,
            region: None,
            email: Vec::new(),
            schedule: "rate(30 days)".to_owned(),
            rotate_as: "role".to_owned(),
            kms_key: None,
            entries: users
                .iter()
                .map(|user| DraftEntry::new(UserName::parse(user).unwrap()))
                .collect(),
        }
    }

    fn read(draft: &Draft) -> Model {
        let text = draft.text();
        let loaded = load(&text, None).unwrap_or_else(|found| panic!("{found:?}\n{text}"));
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        loaded.model
    }

    #[test]
    fn a_whole_one_reads_well() {
        let whole = Draft {
            account: Some(AccountId::parse("012345678901").unwrap()),
            region: Some(Region::parse("eu-west-1").unwrap()),
            email: vec!["ops@example.com".to_owned()],
            schedule: "cron(0 2 ? * SUN *)".to_owned(),
            kms_key: Some("create".to_owned()),
            ..draft("payments-keys", &["ci-deploy", "mailer", "no", "0x1F"])
        };
        insta::assert_snapshot!(whole.text(), @r#"
        # yaml-language-server: $schema=https://raw.githubusercontent.com/keyrota/keyrota/main/schema/keyrota.schema.json
        #
        # The manifest of keyrota. `keyrota generate` renders it for review, and `keyrota
        # bootstrap` deploys it. Optional settings are commented out.
        version: 1

        # Name of the CloudFormation stack.
        stack: payments-keys

        # The AWS account. keyrota refuses to run in another one.
        account: "012345678901"
        region: eu-west-1

        # Tags of every resource that supports tags.
        # tags: { team: payments }

        # E-mail addresses to notify if a rotation fails or is overdue, or if an old key is still
        # in use. Each recipient must confirm the subscription.
        alarms:
          email:
            - ops@example.com

        # Defaults for all entries.
        defaults:
          # Rotation schedule in UTC, at most every four hours. `keyrota schedule 'EXPRESSION'`
          # lists the next rotation windows.
          schedule: cron(0 2 ? * SUN *)
          # Principal that replaces the keys: self (the user's own key), role (the function's
          # execution role), or the name of an administrator's secret.
          rotate_as: role
          # KMS key that encrypts the secrets: aws/secretsmanager (free, for this account only),
          # create (a new key), or the ARN of an existing key.
          kms_key: create
          # By default, the old key stays active until the next rotation. To retire it earlier, use
          # old_key. A key that a client still uses is held back.
          # old_key: { deactivate_after: 1d, delete_after: 7d }

        access_keys:
          - user: ci-deploy
            secret: payments-keys/ci-deploy/access-key
            # Adopt the key of a profile in ~/.aws/credentials, so that its clients continue to work.
            # By default, a new key is created.
            # initial_key: profile:NAME
            # Let the stack create the user.
            # create_user: true
          - user: mailer
          - user: "no"
          - user: "0x1F"

        # Passwords of database users (postgres, mysql, mariadb). `bootstrap` prompts for the first one.
        # databases: [{ secret: prod/orders-db, engine: postgres, host: orders.internal, username: orders_app }]
        # The VPC of the database function. It must have a route to the databases.
        # network: { subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d] }
        "#);
        let model = read(&whole);
        assert_eq!(model.account.unwrap().as_str(), "012345678901");
        let users: Vec<&str> = model.entries.iter().map(Entry::user_name).collect();
        assert_eq!(users, ["ci-deploy", "mailer", "no", "0x1F"]);
        assert_eq!(
            model.entries[0].secret.as_str(),
            "payments-keys/ci-deploy/access-key"
        );
        assert_eq!(model.entries[1].secret.as_str(), "payments-keys/mailer");
    }

    #[test]
    fn names_that_no_secret_can_have_get_another() {
        let model = read(&draft("keys", &["x,-abcdef", "x_-abcdef", "x"]));
        let secrets = model.entries.iter().map(|entry| entry.secret.as_str());
        assert_eq!(
            secrets.collect::<Vec<_>>(),
            [
                "keys/x_-abcdef/access-key",
                "keys/x_-abcdef/access-key-2",
                "keys/x"
            ]
        );
    }

    #[test]
    fn what_is_commented_out_is_accepted_as_well() {
        let text = draft("keys", &["ada"]).text();
        let chosen: String = text
            .lines()
            .map(|line| {
                let setting = line.trim_start().strip_prefix("# ");
                let indent = &line[..line.len() - line.trim_start().len()];
                match setting {
                    Some(setting)
                        if setting.split_once(": ").is_some_and(|(key, _)| {
                            !key.contains(' ') && key != "yaml-language-server"
                        }) && !setting.contains("create_user") =>
                    {
                        format!("{indent}{setting}\n")
                    }
                    _ => format!("{line}\n"),
                }
            })
            .collect();
        for key in [
            "\naccount:",
            "\ntags:",
            "\nalarms:",
            "  kms_key: create",
            "    secret:",
            "  old_key:",
            "    initial_key:",
            "\ndatabases:",
            "\nnetwork:",
        ] {
            assert!(chosen.contains(key), "{key} in {chosen}");
        }
        load(&chosen, None).unwrap_or_else(|found| panic!("{found:?}\n{chosen}"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// The most unusual names that AWS allows.
        #[test]
        fn what_is_written_renders(
            stack in "[A-Za-z][A-Za-z0-9-]{0,127}",
            users in prop::collection::btree_set("(yes|null|~|[A-Za-z0-9+=,.@_-]{1,63})", 1..6),
            region in prop::option::of("[a-z]{2}-[a-z]{4,9}-[1-9]"),
            account in prop::option::of("[0-9]{12}"),
            email in prop::collection::vec("[!#$%&'*+/=?^_`{|}~a-z0-9-]{1,20}@[a-z{}#:]{1,9}\\.[a-z]{2}", 0..3),
            schedule in prop::sample::select(vec!["rate(4 hours)", "rate(1 day)", "cron(0 23 L * ? *)", "cron(0 /8 ? * SUN#1,2#3 *)"]),
            rotate_as in prop::sample::select(vec!["self", "role", "ops/admin", "true", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:a-AbCdEf"]),
            kms_key in prop::option::of(prop::sample::select(vec!["create", "aws/secretsmanager"])),
            paths in prop::collection::vec("/([!-#%-)+->@-~]{1,40}/)?", 0..3),
        ) {
            let mut known = std::collections::BTreeSet::new();
            let users: Vec<UserName> = users
                .iter()
                .filter(|user| known.insert(user.to_lowercase()))
                .filter_map(|user| UserName::parse(user).ok())
                .collect();
            let paths: Vec<IamPath> = paths
                .iter()
                .map(|path| IamPath::parse(path).unwrap())
                .collect();
            prop_assume!(!users.is_empty());
            let draft = Draft {
                stack: StackName::parse(&stack).unwrap(),
                account: account.map(|account| AccountId::parse(&account).unwrap()),
                region: region.map(|region| Region::parse(&region).unwrap()),
                email: email.clone(),
                schedule: schedule.to_owned(),
                rotate_as: rotate_as.to_owned(),
                kms_key: kms_key.map(str::to_owned),
                entries: users
                    .iter()
                    .enumerate()
                    .map(|(index, user)| DraftEntry {
                        path: paths.get(index).cloned(),
                        ..DraftEntry::new(user.clone())
                    })
                    .collect(),
            };
            let model = read(&draft);
            for entry in model.access_keys() {
                let mut written = draft.entries.iter();
                let drafted = written.find(|drafted| drafted.user == entry.kind.user);
                let path = drafted.and_then(|drafted| drafted.path.as_ref());
                prop_assert_eq!(entry.kind.path.as_str(), path.map_or("/", IamPath::as_str));
            }
            let written: Vec<&UserName> = model.access_keys().map(|entry| &entry.kind.user).collect();
            prop_assert_eq!(written, users.iter().collect::<Vec<_>>());
            prop_assert_eq!(model.entries[0].rotate_as.as_str(), rotate_as);
            let fleet = Fleet::of(model, Record::default());
            // A stack's name may be too long for the names derived from it.
            if let Ok(fleet) = fleet {
                let rendered = render::render(&fleet.shards, &Templates::built_in().unwrap());
                prop_assert!(rendered.is_ok(), "{:?}\n{}", rendered.err(), draft.text());
            }
        }
    }
}
