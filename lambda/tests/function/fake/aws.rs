//! The state of AWS, and the mishaps that may affect a call.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use keyrota_function::decide::{AccessKeyId, Activity, CURRENT};
use keyrota_function::mark::{KEYS, Record};
use keyrota_function::moment::Moment;
use keyrota_function::pin::Pins;
use keyrota_test_function::output::Output;
use keyrota_test_function::secrets::{FakeSecrets as _, Secrets};
use keyrota_test_function::twice::Turns;
use serde_json::{Value, json};

use super::mishap::{Interference, Mishap};
use super::secrets_manager::Details;

pub(crate) const USER: &str = "ci-deployer";
pub(crate) const OTHER: &str = "root-operator";
pub(crate) const ADMINISTRATOR: &str = "key-admin";
pub(crate) const SECRET: &str = "prod/ci-deployer";
pub(crate) const SECRET_ARN: &str =
    "arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/ci-deployer-AbCdEf";
pub(crate) const ADMINISTRATOR_ARN: &str =
    "arn:aws:secretsmanager:eu-central-1:111122223333:secret:ops/key-admin-GhIjKl";
pub(crate) const TOKEN: &str = "11111111-2222-3333-4444-555555555555";

/// The time of day at which the clock starts.
pub(super) const MORNING: i64 = 1_790_000_000;

/// The duration of every call.
const CALL: Duration = Duration::from_millis(10);

/// An access key of a user.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) id: AccessKeyId,
    pub(crate) secret: String,
    pub(crate) activity: Activity,
    pub(crate) used: bool,
    /// When it was last used, if ever.
    pub(crate) last_used: Moment,
    /// When it was created, by IAM's clock.
    pub(crate) created: Moment,
    /// When every server accepts the key.
    pub(crate) known_at: Duration,
    /// Whether anything besides the secret depends on it.
    pub(crate) foreign: bool,
}

/// The state of AWS, and the observations of the tests.
pub(crate) struct FakeAws {
    /// The secret's pin. There is no other.
    pin: RefCell<Value>,
    pub(super) pins: Cell<&'static Pins>,
    /// The user's tags, which only the function writes.
    pub(crate) tags: RefCell<BTreeMap<String, String>>,
    pub(crate) secrets: Secrets<Details>,
    pub(crate) users: RefCell<BTreeMap<String, Vec<Key>>>,
    /// Every call, with the ID of the key that signed it, or `role`.
    pub(crate) calls: RefCell<Vec<(&'static str, String)>>,
    /// The mishaps of future calls, by their number in this list.
    pub(crate) mishaps: RefCell<BTreeMap<usize, Mishap>>,
    /// The mishaps of the next calls of an action.
    pub(super) action_mishaps: RefCell<BTreeMap<&'static str, VecDeque<Mishap>>>,
    pub(super) nth_mishaps: RefCell<BTreeMap<(&'static str, usize), Mishap>>,
    pub(super) interference: RefCell<Option<Interference>>,
    pub(super) per_call: Cell<Duration>,
    pub(crate) now: Cell<Duration>,
    /// The time spent sleeping.
    pub(crate) slept: Cell<Duration>,
    /// How long a new key takes to propagate.
    pub(crate) spread: Cell<Duration>,
    /// When the user's keys obtain the permissions that are probed, if ever.
    pub(crate) allowed_at: Cell<Option<Duration>>,
    /// The user's name in `GetCallerIdentity`, if it differs from IAM's.
    pub(crate) identity: RefCell<Option<String>>,
    pub(crate) output: Output,
    /// Whether AWSCURRENT's key works and must continue to work.
    pub(crate) guarded: Cell<bool>,
    /// The user's keys before their last change.
    pub(crate) before: RefCell<Vec<Key>>,
    /// Whether a violated invariant is only recorded, instead of ending the test.
    pub(crate) lenient: Cell<bool>,
    /// How often a principal that may write the secret has acted. After that, the secret's own
    /// credential may be broken, but nothing else.
    pub(crate) forged: Cell<u32>,
    /// The violated invariants.
    pub(crate) violations: RefCell<Vec<String>>,
    /// Whether the response to this call is from before the last change.
    pub(crate) out_of_date: Cell<bool>,
    pub(crate) made: Cell<u32>,
    /// Whose turn it is, if two runs are interleaved.
    pub(crate) turns: Turns<Mishap>,
}

fn pins_of(pin: &Value) -> &'static Pins {
    leaked(&json!({ SECRET: pin }))
}

/// Returns the pins, parsed as the function parses them. They are few, and live until the tests
/// end.
fn leaked(secrets: &Value) -> &'static Pins {
    let document = json!({ "version": 1, "secrets": secrets });
    let pins = Pins::parse(document.to_string().as_bytes()).expect("pins");
    Box::leak(Box::new(pins))
}

/// Returns the ID of the n-th key that is created.
pub(crate) fn key_id(number: u32) -> AccessKeyId {
    AccessKeyId::parse(&format!("AKIAFAKE{number:012}")).expect("an ID")
}

impl FakeAws {
    /// Returns AWS with the secret, its user with one key, and another user and an
    /// administrator with one key each. Key 1 is AWSCURRENT's, key 2 the other user's, and key
    /// 3 the administrator's.
    pub(crate) fn new(rotate_as: &str, owns_user: bool) -> Self {
        let pin = json!({
            "user": USER,
            "owns_user": owns_user,
            "rotate_as": match rotate_as {
                "self" | "role" => json!(rotate_as),
                other => json!({ "administrator": other }),
            },
        });
        let aws = Self {
            pins: Cell::new(pins_of(&pin)),
            pin: RefCell::new(pin),
            tags: RefCell::default(),
            secrets: RefCell::default(),
            users: RefCell::default(),
            calls: RefCell::default(),
            mishaps: RefCell::default(),
            action_mishaps: RefCell::default(),
            nth_mishaps: RefCell::default(),
            interference: RefCell::default(),
            per_call: Cell::new(CALL),
            now: Cell::default(),
            slept: Cell::default(),
            spread: Cell::default(),
            allowed_at: Cell::new(Some(Duration::ZERO)),
            identity: RefCell::default(),
            output: Output::default(),
            guarded: Cell::new(false),
            before: RefCell::default(),
            lenient: Cell::new(false),
            forged: Cell::new(0),
            violations: RefCell::default(),
            out_of_date: Cell::new(false),
            made: Cell::new(0),
            turns: Turns::default(),
        };
        aws.never_say(TOKEN);
        let key = aws.give_key(USER, true);
        aws.give_key(OTHER, true);
        let administrator = aws.give_key(ADMINISTRATOR, true);
        let origin = match rotate_as {
            "self" | "role" => SECRET_ARN,
            _ => ADMINISTRATOR_ARN,
        };
        aws.add_secret(SECRET_ARN);
        aws.store("first", &[CURRENT], &aws.value(&key, origin));
        if !owns_user {
            // As after a bootstrap.
            aws.record(&key);
        }
        aws.add_secret(ADMINISTRATOR_ARN);
        let value = json!({
            "accesskey": administrator.id.as_str(), "secretkey": administrator.secret,
        });
        aws.store_in(
            ADMINISTRATOR_ARN,
            "only",
            &[CURRENT],
            Some(value.to_string()),
        );
        aws.guarded.set(true);
        aws
    }

    /// Makes the user one that the stack has just created: it has no key, and the secret has the
    /// value from the template. A rotation creates the first key.
    pub(crate) fn begin_without_key(&self) {
        self.pin("creates_first", json!(true));
        self.take_key(&key_id(1));
        let arn = SECRET_ARN.rsplit_once('-').expect("a suffix").0;
        let value = json!({ "username": USER, "secretarn": arn, "note": "kept as it is" });
        self.change_secret(|secret| secret.versions.clear());
        self.store("seed", &[CURRENT], &value.to_string());
    }

    /// Returns a copy with an empty list of calls.
    pub(crate) fn fork(&self) -> Self {
        Self {
            pin: self.pin.clone(),
            pins: self.pins.clone(),
            tags: self.tags.clone(),
            secrets: self.secrets.clone(),
            users: self.users.clone(),
            calls: RefCell::default(),
            mishaps: RefCell::default(),
            action_mishaps: RefCell::default(),
            nth_mishaps: RefCell::default(),
            interference: RefCell::default(),
            per_call: self.per_call.clone(),
            now: self.now.clone(),
            slept: Cell::default(),
            spread: self.spread.clone(),
            allowed_at: self.allowed_at.clone(),
            identity: self.identity.clone(),
            output: self.output.fork(),
            guarded: self.guarded.clone(),
            before: self.before.clone(),
            lenient: self.lenient.clone(),
            forged: self.forged.clone(),
            violations: RefCell::default(),
            out_of_date: Cell::default(),
            made: self.made.clone(),
            turns: Turns::default(),
        }
    }

    /// Changes a field of the secret's pin; `null` removes it.
    pub(crate) fn pin(&self, field: &str, value: Value) {
        let mut pin = self.pin.borrow_mut();
        let fields = pin.as_object_mut().expect("an object");
        match value {
            Value::Null => drop(fields.remove(field)),
            value => drop(fields.insert(field.to_owned(), value)),
        }
        self.pins.set(pins_of(&pin));
    }

    /// Removes the secret from the pins.
    pub(crate) fn unpin(&self) {
        self.pins.set(leaked(&json!({})));
    }

    /// Pins when an old key is retired: `until_next_rotation`, or fields of the pin such as
    /// `deactivate_after=1d delete_after=7d`.
    pub(crate) fn pin_old_key(&self, text: &str) {
        let fields = text.split(' ').filter_map(|field| field.split_once('='));
        let fields: serde_json::Map<String, Value> = fields
            .map(|(name, time)| (name.to_owned(), json!(time)))
            .collect();
        self.pin(
            "old_key",
            match fields.is_empty() {
                true => Value::Null,
                false => Value::Object(fields),
            },
        );
    }

    /// Records on the user that a key belongs to keyrota, as the function and a bootstrap do.
    pub(crate) fn record(&self, key: &Key) {
        let mut tags = self.tags.borrow_mut();
        let keys = Record::read(&tags).with_key(&key.id);
        tags.insert(KEYS.to_owned(), keys);
    }

    /// Returns whether an intent to create a key exists.
    pub(crate) fn intends(&self) -> bool {
        !Record::read(&self.tags.borrow()).intents.is_empty()
    }

    /// Returns whether the pin renames fields.
    pub(crate) fn renames(&self) -> bool {
        self.pin.borrow().get("fields").is_some()
    }

    /// Returns whether the pin says that a rotation creates the user's first key.
    pub(super) fn gets_first_key(&self) -> bool {
        self.pin.borrow().get("creates_first") == Some(&json!(true))
    }

    /// Returns whether the pin says that the stack created the user.
    pub(super) fn owns_user(&self) -> bool {
        self.pin.borrow()["owns_user"] == json!(true)
    }

    /// Creates a key of a user, regardless of the quota.
    pub(crate) fn give_key(&self, user: &str, used: bool) -> Key {
        let number = self.made.get() + 1;
        self.made.set(number);
        let key = Key {
            id: key_id(number),
            secret: format!("secret/of+key{number}/wJalrXUtnFEMI{number:08}"),
            activity: Activity::Active,
            used,
            last_used: self.today(),
            created: self.today(),
            known_at: self.now.get() + self.spread.get(),
            foreign: false,
        };
        self.never_say(&key.secret);
        self.users
            .borrow_mut()
            .entry(user.to_owned())
            .or_default()
            .push(key.clone());
        key
    }

    /// Creates an old key that something besides the secret depends on.
    pub(crate) fn give_foreign_key(&self, used: bool) -> Key {
        let key = self.give_key(USER, used);
        self.change_key(&key.id, |key| key.created = Moment(MORNING - 86_400));
        self.change_key(&key.id, |key| key.foreign = true);
        key
    }

    /// Changes a key of any user.
    pub(crate) fn change_key(&self, id: &AccessKeyId, change: impl FnOnce(&mut Key)) {
        let mut users = self.users.borrow_mut();
        let key = users.values_mut().flatten().find(|key| key.id == *id);
        change(key.expect("a key with this ID"));
    }

    /// Removes a key by hand.
    pub(crate) fn take_key(&self, id: &AccessKeyId) {
        for keys in self.users.borrow_mut().values_mut() {
            keys.retain(|key| key.id != *id);
        }
    }

    /// Returns the user's keys.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.users.borrow().get(USER).cloned().unwrap_or_default()
    }

    /// Returns the IDs of the user's keys, in the order of their creation.
    pub(crate) fn ids(&self) -> Vec<AccessKeyId> {
        self.keys().into_iter().map(|key| key.id).collect()
    }

    pub(crate) fn find_key(&self, id: &str) -> Option<(String, Key)> {
        let users = self.users.borrow();
        users.iter().find_map(|(user, keys)| {
            let key = keys.iter().find(|key| key.id.as_str() == id)?;
            Some((user.clone(), key.clone()))
        })
    }

    /// Returns the IAM calls that concern keys, with the ID of the key that signed each, or
    /// `role`. The role makes all calls that concern the user's tags.
    pub(crate) fn key_calls(&self) -> Vec<(&'static str, String)> {
        let calls = self.calls.borrow();
        let of_keys = calls.iter().filter(|(action, by)| {
            let is_tag = ["iam:ListUserTags", "iam:TagUser", "iam:UntagUser"].contains(action);
            assert!(!is_tag || by == "role", "{action} as {by}");
            action.starts_with("iam:") && !is_tag
        });
        of_keys.cloned().collect()
    }

    /// Returns the actions of the calls.
    pub(crate) fn actions(&self) -> Vec<&'static str> {
        self.calls
            .borrow()
            .iter()
            .map(|(action, _)| *action)
            .collect()
    }

    /// Lets time pass without calls.
    pub(crate) fn pass(&self, duration: Duration) {
        self.now.set(self.now.get() + duration);
    }

    /// Makes a client use a key now.
    pub(crate) fn use_key(&self, id: &AccessKeyId) {
        let now = self.today();
        self.change_key(id, |key| (key.used, key.last_used) = (true, now));
    }

    /// Makes a client use a key, if the key is active.
    pub(crate) fn use_active_key(&self, id: &str) {
        if let Some((_, key)) = self.find_key(id)
            && key.activity == Activity::Active
        {
            self.use_key(&key.id);
        }
    }

    /// Sets the duration of all further calls.
    pub(crate) fn take_per_call(&self, duration: Duration) {
        self.per_call.set(duration);
    }
}
