//! The attacked stack, and its surroundings.

use std::collections::BTreeSet;
use std::ops::Deref;

use aws_sdk_iam::types::Tag;
use serde_json::{Value, json};

use super::account::{Account, FOREIGN, OUTSIDER, Target, make_outsider};
use crate::environment::{ACCOUNT, Key, TestEnvironment};

const STACK: &str = "payments-keys";
/// The old key of `mailer` is deleted as soon as possible, and a key that never works is given
/// up soon.
const MANIFEST: &str = "\
version: 1
stack: payments-keys
account: '000000000000'
region: us-east-1
tags: { team: payments }
function: { timeout: 10s }
access_keys:
  - { user: mailer, secret: prod/mailer, rotate_as: self,
      old_key: { deactivate_after: 0, delete_after: 0, hold_if_used_within: 0 } }
  - { user: robot, secret: prod/robot, rotate_as: role }
  - { user: clerk, secret: prod/clerk, rotate_as: ops/administrator }
";
const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
pub const ADMINISTRATOR: &str = "ops/administrator";

/// The entries of the stack, each rotated with other credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Mailer,
    Robot,
    Clerk,
}

impl Entry {
    pub const ALL: [Self; 3] = [Self::Mailer, Self::Robot, Self::Clerk];

    pub const fn user(self) -> &'static str {
        match self {
            Self::Mailer => "mailer",
            Self::Robot => "robot",
            Self::Clerk => "clerk",
        }
    }

    pub const fn secret(self) -> &'static str {
        match self {
            Self::Mailer => "prod/mailer",
            Self::Robot => "prod/robot",
            Self::Clerk => "prod/clerk",
        }
    }
}

const fn target(entry: Entry) -> Target {
    Target {
        stack: STACK,
        secret: entry.secret(),
        secrets: &[
            "prod/mailer",
            "prod/robot",
            "prod/clerk",
            ADMINISTRATOR,
            FOREIGN,
        ],
        users: &["mailer", "robot", "clerk", OUTSIDER, "administrator"],
    }
}

/// The account with the deployed stack, and three users whose keys are rotated.
pub struct Scene {
    account: Account,
    /// The entry of the attacked secret.
    pub entry: Entry,
    /// Another key of that entry's user, held in reserve.
    pub reserve: Option<Key>,
}

impl Deref for Scene {
    type Target = Account;

    fn deref(&self) -> &Account {
        &self.account
    }
}

impl Scene {
    pub async fn new(entry: Entry) -> Self {
        let test = TestEnvironment::new().await;
        for entry in Entry::ALL {
            test.make_user(entry.user()).await;
        }
        test.make_administrator("administrator", ADMINISTRATOR)
            .await;
        let outsiders = make_outsider(&test).await;
        let value = json!({
            "accesskey": outsiders[0].id, "secretkey": outsiders[0].secret, "username": OUTSIDER,
        });
        test.make_secret(FOREIGN, &value.to_string()).await;
        test.manifest(MANIFEST);
        let bootstrap = async |test: &TestEnvironment| {
            test.keyrota(BOOTSTRAP).await.exits(0);
        };
        Self {
            account: Account::deploy(test, target(entry), outsiders, bootstrap).await,
            entry,
            reserve: None,
        }
    }

    /// Returns the tags that an attacker writes.
    pub fn tags(&self) -> Vec<(&str, &str)> {
        let reserve = self.reserve.as_ref().map_or("-", |it| &it.id);
        let other = self.others().next().expect("another entry");
        vec![
            ("keyrota:user", other.user()),
            ("keyrota:stack", "another"),
            ("keyrota:rotate-as", self.arns[FOREIGN].as_str()),
            ("keyrota:owns-user", "true"),
            ("keyrota:abandoned", reserve),
            ("keyrota:keys", reserve),
            ("keyrota:seeding", "2026-11-28T00:00:00Z"),
            ("keyrota:old-key", "deactivate_after=0 delete_after=0"),
            ("keyrota:encryption-key", self.kms_key.as_str()),
            (
                "keyrota:probe",
                "sts:AssumeRole arn:aws:iam::000000000000:role/x",
            ),
            ("team", "theirs"),
        ]
    }

    /// Returns the entries that are not attacked.
    pub fn others(&self) -> impl Iterator<Item = Entry> {
        let entry = self.entry;
        Entry::ALL.into_iter().filter(move |it| *it != entry)
    }

    /// Returns what must not change: everything except the attacked secret, its user's keys,
    /// and their records. The key in reserve must not change either.
    pub async fn outside(&self) -> Vec<String> {
        let (user, secret) = (self.entry.user(), self.entry.secret());
        let reserve = self.reserve.as_ref().map_or("-", |key| &key.id);
        let mut lines = self.test.everything().await;
        lines.retain(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let own = words.contains(&secret)
                || line.starts_with(&format!("key of {user} ")) && !words.contains(&reserve)
                || line.starts_with(&format!("tag of user {user} keyrota:"));
            !own
        });
        lines
    }

    /// Returns what a part of the deployer's policy must not change: everything except the
    /// stack's secrets, its users' keys, their records, and change sets that nobody executes.
    pub async fn outside_stack(&self) -> Vec<String> {
        let mut lines = self.test.everything().await;
        lines.retain(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let own = |entry: Entry| {
                words.contains(&entry.secret())
                    || line.starts_with(&format!("key of {} ", entry.user()))
                    || line.starts_with(&format!("tag of user {} keyrota:", entry.user()))
            };
            !Entry::ALL.into_iter().any(own) && !line.starts_with("change set of ")
        });
        lines
    }

    /// Returns the current secret access keys in the attacked secret.
    pub async fn own_secrets(&self, secret: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let held = self.test.secret(secret).await.unwrap_or_default();
        for label in held.labels.keys().filter(|_| !held.deleted) {
            let value = self.test.value(secret, label).await.unwrap_or_default();
            found.extend(value["secretkey"].as_str().map(str::to_owned));
        }
        found
    }

    /// Repairs the entry, as its owner would by hand: with one new key in AWSCURRENT, recorded
    /// or not, and with or without a key in reserve.
    pub async fn heal(&mut self, with_reserve: bool, recorded: bool) {
        let (user, secret) = (self.entry.user(), self.entry.secret());
        let test = &self.account.test;
        for id in test.keys(user).await.unwrap_or_default().keys() {
            test.delete_key(user, id).await;
        }
        self.reserve = match with_reserve {
            true => Some(test.make_key(user).await),
            false => None,
        };
        let held = test.secret(secret).await.expect("the secret");
        if let Some(version) = held.labels.get("AWSPENDING") {
            let request = test.secretsmanager.update_secret_version_stage();
            let request = request.secret_id(secret).version_stage("AWSPENDING");
            let request = request.remove_from_version_id(version);
            request.send().await.expect("the label is taken away");
        }
        let key = test.make_key(user).await;
        // Without a record, the tag has the intent of a rotation that ended long ago.
        let (tag, recorded) = match recorded {
            true => ("keyrota:keys", key.id.as_str()),
            false => ("keyrota:making", "1"),
        };
        let tag = Tag::builder().key(tag).value(recorded);
        let request = test.iam.tag_user().user_name(user);
        let request = request.tags(tag.build().expect("a tag"));
        request.send().await.expect("it is recorded");
        let value = json!({
            "accesskey": key.id, "secretkey": key.secret, "username": user,
            "secretarn": match self.entry {
                Entry::Clerk => &self.arns[ADMINISTRATOR],
                _ => self.arn(),
            },
        });
        test.store(secret, &value).await;
    }

    /// Rotates the secret and sweeps all secrets as the administrator, which may fail.
    pub async fn provoke(&self) {
        let rotate = format!("rotate {}", self.entry.secret());
        self.test.keyrota(&rotate).await;
        self.test.try_sweep().await;
    }

    /// Returns the ARN of a user.
    pub fn arn_of(user: &str) -> String {
        format!("arn:aws:iam::{ACCOUNT}:user/{user}")
    }

    /// Returns a value that names a key and a user.
    pub fn naming(&self, key: &str, user: &str, secretarn: &str) -> Value {
        json!({
            "accesskey": key, "secretkey": "0000/made/up/by/somebody/else/0000000000",
            "username": user, "secretarn": secretarn,
        })
    }
}
