//! The stack that is attacked, and what stands beside it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::Tag;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, KEY_ADMINISTRATOR, Key, World};

pub const STACK: &str = "payments-keys";
/// The old key of `mailer` goes as soon as anything makes it go. What waits for a key
/// that never works gives up soon.
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
/// A secret of somebody else, with a key that may do everything to users.
pub const FOREIGN: &str = "ops/foreign";
pub const OUTSIDER: &str = "outsider";

/// The entries of the stack, each rotated by other credentials.
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

/// The account, deployed, with everything that nobody may touch.
pub struct Scene {
    pub world: World,
    /// The entry whose secret somebody may write.
    pub entry: Entry,
    /// Another key of that entry's user, for the day on which all else fails.
    pub reserve: Option<Key>,
    pub outsiders: [Key; 2],
    pub arns: BTreeMap<&'static str, String>,
    pub kms_key: String,
    pub function: String,
    pub bucket: String,
    /// What there was before the stack.
    pub before: Vec<String>,
}

impl Scene {
    pub async fn new(entry: Entry) -> Self {
        let world = World::new().await;
        for entry in Entry::ALL {
            world.make_user(entry.user()).await;
        }
        world
            .make_administrator("administrator", ADMINISTRATOR)
            .await;
        let mut outsiders = [
            world.make_user_with(OUTSIDER, KEY_ADMINISTRATOR).await,
            world.make_key(OUTSIDER).await,
        ];
        outsiders.sort_by(|one, other| one.id.cmp(&other.id));
        let value = json!({
            "accesskey": outsiders[0].id, "secretkey": outsiders[0].secret, "username": OUTSIDER,
        });
        world.make_secret(FOREIGN, &value.to_string()).await;
        let kms_key = world.make_kms_key().await;
        world.make_bucket("foreign-bucket").await;
        world.manifest(MANIFEST);
        let before = world.everything().await;
        world.keyrota(BOOTSTRAP).await.exits(0);
        let mut arns = BTreeMap::new();
        let entries = Entry::ALL.map(Entry::secret);
        for name in entries.into_iter().chain([ADMINISTRATOR, FOREIGN]) {
            let arn = world.secret(name).await.expect("the secret").arn;
            arns.insert(name, arn);
        }
        let functions = world.lambda.list_functions().send().await;
        let functions = functions.expect("functions").functions.unwrap_or_default();
        let buckets = world.s3.list_buckets().send().await.expect("buckets");
        let mut buckets = buckets.buckets().iter().filter_map(|it| it.name());
        let bucket = buckets.find(|it| *it != "foreign-bucket");
        Self {
            entry,
            reserve: None,
            outsiders,
            arns,
            kms_key,
            function: functions[0].function_name().expect("a name").to_owned(),
            bucket: bucket.expect("the bucket").to_owned(),
            before,
            world,
        }
    }

    /// Returns the ARN of the secret that somebody may write.
    pub fn arn(&self) -> &str {
        &self.arns[self.entry.secret()]
    }

    /// Returns the entries that nobody attacks.
    pub fn others(&self) -> impl Iterator<Item = Entry> {
        let entry = self.entry;
        Entry::ALL.into_iter().filter(move |it| *it != entry)
    }

    /// Returns what must be as it was: everything but the one secret, its own user's keys,
    /// and what is recorded of these. The key in reserve is nobody's but its owner's.
    pub async fn outside(&self) -> Vec<String> {
        let (user, secret) = (self.entry.user(), self.entry.secret());
        let reserve = self.reserve.as_ref().map_or("-", |key| &key.id);
        let mut lines = self.world.everything().await;
        lines.retain(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let own = words.contains(&secret)
                || line.starts_with(&format!("key of {user} ")) && !words.contains(&reserve)
                || line.starts_with(&format!("tag of user {user} keyrota:"));
            !own
        });
        lines
    }

    /// Returns what a part of the deployer's policy must leave as it is: everything but
    /// the stack's secrets, the keys of its users, what is recorded of these, and change
    /// sets that nobody executes.
    pub async fn outside_stack(&self) -> Vec<String> {
        let mut lines = self.world.everything().await;
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

    /// Returns the secret parts that the attacked secret holds now.
    pub async fn own_secrets(&self, secret: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let held = self.world.secret(secret).await.unwrap_or_default();
        for label in held.labels.keys().filter(|_| !held.deleted) {
            let value = self.world.value(secret, label).await.unwrap_or_default();
            found.extend(value["secretkey"].as_str().map(str::to_owned));
        }
        found
    }

    /// Puts the entry right again, as its owner would by hand: one new key in
    /// AWSCURRENT, recorded or not, and a key in reserve or none.
    pub async fn heal(&mut self, with_reserve: bool, recorded: bool) {
        let (user, secret) = (self.entry.user(), self.entry.secret());
        let world = &self.world;
        for id in world.keys(user).await.unwrap_or_default().keys() {
            world.delete_key(user, id).await;
        }
        self.reserve = match with_reserve {
            true => Some(world.make_key(user).await),
            false => None,
        };
        let held = world.secret(secret).await.expect("the secret");
        if let Some(version) = held.labels.get("AWSPENDING") {
            let request = world.secretsmanager.update_secret_version_stage();
            let request = request.secret_id(secret).version_stage("AWSPENDING");
            let request = request.remove_from_version_id(version);
            request.send().await.expect("the label is taken away");
        }
        let key = world.make_key(user).await;
        if recorded {
            let tag = Tag::builder().key("keyrota:keys").value(&key.id);
            let request = world.iam.tag_user().user_name(user);
            let request = request.tags(tag.build().expect("a tag"));
            request.send().await.expect("the key is recorded");
        }
        let value = json!({
            "accesskey": key.id, "secretkey": key.secret, "username": user,
            "secretarn": match self.entry {
                Entry::Clerk => &self.arns[ADMINISTRATOR],
                _ => self.arn(),
            },
        });
        world.store(secret, &value).await;
    }

    /// Has the administrator rotate the secret and sweep all of them, which may fail.
    pub async fn provoke(&self) {
        let rotate = format!("rotate {}", self.entry.secret());
        self.world.keyrota(&rotate).await;
        self.world.try_sweep().await;
    }

    /// Returns the user that a key is of, by its ARN.
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
