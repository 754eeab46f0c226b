//! The state of the fakes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use keyrota_database_function::pin::Pins;
use keyrota_database_function::server::{Engine, FailureLimit, PasswordExpiry, ServerFault};
use keyrota_database_function::stage::{CURRENT, VersionId};
use keyrota_test_function::output::Output;
use keyrota_test_function::secrets::{FakeSecrets as _, Secrets};
use keyrota_test_function::twice::Turns;
use serde_json::{Value, json};

use super::mishap::{AnyFault, Mishap};
use super::secrets_manager::Details;

pub(crate) const USER: &str = "orders \"app\"";
/// The user that alternates with the first one.
pub(crate) const OTHER: &str = "orders \"app\"_clone";
pub(crate) const HOST: &str = "orders.internal";
pub(crate) const SECRET: &str = "prod/orders-db";
pub(crate) const SECRET_ARN: &str =
    "arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/orders-db-AbCdEf";
pub(crate) const ADMINISTRATOR_ARN: &str =
    "arn:aws:secretsmanager:eu-central-1:111122223333:secret:ops/db-admin-GhIjKl";
pub(crate) const ADMINISTRATOR: &str = "admin";
pub(crate) const TOKEN: &str = "11111111-2222-3333-4444-555555555555";

/// The time of day at which the clock starts.
pub(super) const MORNING: i64 = 1_790_000_000;

/// The parameters of a test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) engine: Engine,
    /// `self`, or the administrator's secret.
    pub(crate) rotate_as: &'static str,
    /// Whether the server keeps the old password valid.
    pub(crate) retains: bool,
    /// Whether two users alternate.
    pub(crate) alternates: bool,
    /// When an old password is discarded, such as `deactivate_after=1d`, if ever.
    pub(crate) old_key: &'static str,
    /// Who sets the first password.
    pub(crate) first: First,
}

/// Where the first password comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// It is in AWSCURRENT, and works.
    Stored,
    /// The administrator sets it. Nobody knows the user's present one.
    Set,
    /// The administrator creates the user.
    Created,
}

impl Setting {
    pub(crate) const POSTGRES: Self = Self {
        engine: Engine::Postgres,
        rotate_as: "self",
        retains: false,
        alternates: false,
        old_key: "until_next_rotation",
        first: First::Stored,
    };

    pub(crate) const SET: Self = Self {
        first: First::Set,
        ..Self::ADMINISTRATOR
    };

    pub(crate) const CREATED: Self = Self {
        first: First::Created,
        ..Self::ADMINISTRATOR
    };

    /// A server on which a user and its rights are no transaction.
    pub(crate) const CREATED_ON_MYSQL: Self = Self {
        engine: Engine::MySql,
        retains: true,
        ..Self::CREATED
    };

    pub(crate) const MYSQL: Self = Self {
        engine: Engine::MySql,
        retains: true,
        ..Self::POSTGRES
    };

    pub(crate) const ADMINISTRATOR: Self = Self {
        rotate_as: "ops/db-admin",
        ..Self::POSTGRES
    };

    pub(crate) const ALTERNATING: Self = Self {
        alternates: true,
        ..Self::ADMINISTRATOR
    };

    /// MariaDB, and MySQL if two users alternate, since nothing is retained then.
    pub(crate) const ALTERNATING_WITH_HOSTS: Self = Self {
        engine: Engine::MariaDb,
        ..Self::ALTERNATING
    };
}

/// A user on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) primary: String,
    pub(crate) secondary: Option<String>,
    /// Whether it has the rights that clients need.
    pub(crate) has_rights: bool,
}

impl User {
    /// Returns a user with its rights.
    pub(crate) fn new(password: &str) -> Self {
        Self {
            primary: password.to_owned(),
            secondary: None,
            has_rights: true,
        }
    }

    pub(crate) fn knows(&self, password: &str) -> bool {
        self.primary == password || self.secondary.as_deref() == Some(password)
    }
}

/// The state of Secrets Manager and of the database server.
pub(crate) struct FakeServices {
    pub(crate) setting: Setting,
    /// The secret's pin. There is no other.
    pin: RefCell<Value>,
    pub(super) pins: Cell<&'static Pins>,
    pub(crate) secrets: Secrets<Details>,
    /// The user, unless it was dropped.
    pub(crate) user: RefCell<Option<User>>,
    /// The user that alternates with it, unless it does not exist.
    pub(crate) other: RefCell<Option<User>>,
    /// The fault with which half of the call ends, if only half of it is carried out.
    pub(super) half: Cell<Option<AnyFault>>,
    /// Why the server does not drop the user, if it does not.
    pub(crate) keeps_user: Cell<Option<&'static str>>,
    /// Whether the rotation of the secret is cancelled.
    pub(crate) cancelled: Cell<bool>,
    /// The server's fault, if it has one.
    pub(crate) down: Cell<Option<ServerFault>>,
    /// The hosts of the user's accounts, the one that a login uses first.
    pub(crate) hosts: RefCell<Vec<&'static str>>,
    /// Whether a session may read all accounts. By default, only the administrator's may.
    pub(crate) sees: Cell<Option<bool>>,
    /// How many failed logins the server tolerates.
    pub(crate) tolerates: Cell<FailureLimit>,
    /// Whether the server says that the old password is invalid, and still accepts it.
    pub(crate) keeps_old: Cell<bool>,
    /// Whether the last change was one of every account.
    pub(crate) every: Cell<bool>,
    /// When the user's password expires, if the server says so.
    pub(crate) expiry: Cell<Option<PasswordExpiry>>,
    /// The server's answer to a change, if it refuses.
    pub(crate) refuses: Cell<Option<ServerFault>>,
    /// The response of `GetRandomPassword`, if it is not a valid password.
    pub(crate) random: RefCell<Option<String>>,
    pub(crate) calls: RefCell<Vec<&'static str>>,
    pub(crate) mishaps: RefCell<BTreeMap<usize, Mishap>>,
    pub(crate) now: Cell<Duration>,
    pub(crate) output: Output,
    /// Whether some version's password works, so that one must continue to work.
    pub(super) some_works: Cell<bool>,
    /// Whether AWSCURRENT's password works and must continue to work.
    pub(super) current_works: Cell<bool>,
    /// Whether AWSPREVIOUS's login must work, because no rotation has begun since it was AWSCURRENT.
    pub(super) previous_works: Cell<bool>,
    /// The version that was AWSCURRENT after the last call.
    pub(super) last_current: RefCell<Option<VersionId>>,
    /// The password of a login since the process began that was interrupted for a reason other
    /// than a wrong password.
    pub(super) broken_off: RefCell<Option<String>>,
    /// Whether a violated invariant is only recorded.
    pub(crate) lenient: Cell<bool>,
    pub(crate) violations: RefCell<Vec<String>>,
    pub(crate) made: Cell<u32>,
    /// How often a principal that may write the secret has acted.
    pub(crate) forged: Cell<u32>,
    /// Whether two runs overlap, or have. Two changes at once can displace the password that the
    /// server keeps.
    pub(crate) overlapped: Cell<bool>,
    /// Whose turn it is, if two runs are interleaved.
    pub(crate) turns: Turns<Mishap>,
}

/// Returns the pins, parsed as the function parses them. They are few, and live until the tests
/// end.
fn leaked(secrets: &Value) -> &'static Pins {
    let document = json!({ "version": 1, "secrets": secrets });
    let pins = Pins::parse(document.to_string().as_bytes()).expect("pins");
    Box::leak(Box::new(pins))
}

impl FakeServices {
    /// Returns the state with a secret whose AWSCURRENT works.
    pub(crate) fn new(setting: Setting) -> Self {
        let mut pin = json!({
            "username": USER,
            "engine": setting.engine.name(),
            "host": HOST,
            "port": 5432,
            "dbname": "orders",
            "tls": "verify-full",
            "password": { "length": 32, "exclude": "/@\"'\\" },
            "rotate_as": match setting.rotate_as {
                "self" => json!("self"),
                other => json!({ "administrator": other }),
            },
        });
        if setting.first != First::Stored {
            pin["sets_first"] = json!(true);
        }
        if setting.first == First::Created {
            pin["create_user"] = json!({ "grants": ["SELECT ON shop.orders"] });
        }
        if setting.alternates {
            pin["alternate"] = json!(OTHER);
        }
        let words = setting.old_key.split(' ');
        let mut fields = words.filter_map(|word| word.split_once('='));
        if let Some((_, time)) = fields.find(|(name, _)| *name == "deactivate_after") {
            pin["deactivate_after"] = json!(time);
        }
        let services = Self {
            setting,
            pins: Cell::new(leaked(&json!({ SECRET: pin }))),
            pin: RefCell::new(pin),
            secrets: RefCell::default(),
            user: RefCell::default(),
            other: RefCell::default(),
            half: Cell::default(),
            keeps_user: Cell::default(),
            cancelled: Cell::default(),
            down: Cell::default(),
            hosts: RefCell::new(vec!["%"]),
            sees: Cell::default(),
            tolerates: Cell::new(FailureLimit::Unlimited),
            keeps_old: Cell::default(),
            every: Cell::default(),
            expiry: Cell::default(),
            refuses: Cell::default(),
            random: RefCell::default(),
            calls: RefCell::default(),
            mishaps: RefCell::default(),
            now: Cell::default(),
            output: Output::default(),
            some_works: Cell::default(),
            current_works: Cell::default(),
            previous_works: Cell::default(),
            last_current: RefCell::default(),
            broken_off: RefCell::default(),
            lenient: Cell::default(),
            violations: RefCell::default(),
            made: Cell::default(),
            forged: Cell::default(),
            overlapped: Cell::default(),
            turns: Turns::default(),
        };
        services.never_say(TOKEN);
        services.add_secret(SECRET_ARN);
        services.add_secret(ADMINISTRATOR_ARN);
        let password = services.make_password();
        let user = Some(User::new(&password)).filter(|_| setting.first != First::Created);
        services.user.replace(user);
        let mut value = services.value(&password);
        if let (true, Some(fields)) = (setting.first != First::Stored, value.as_object_mut()) {
            fields.remove("password");
        }
        services.store("first", &[CURRENT], &value);
        let administrator = json!({
            "engine": setting.engine.name(), "host": HOST, "port": 5432,
            "username": ADMINISTRATOR, "password": services.administrator_password(),
        });
        services.store_in(
            ADMINISTRATOR_ARN,
            "only",
            &[CURRENT],
            Some(administrator.to_string()),
        );
        services.never_say(&services.administrator_password());
        services.check();
        services
    }

    /// Returns a copy with an empty list of calls.
    pub(crate) fn fork(&self) -> Self {
        Self {
            setting: self.setting,
            pin: self.pin.clone(),
            pins: self.pins.clone(),
            secrets: self.secrets.clone(),
            user: self.user.clone(),
            other: self.other.clone(),
            half: Cell::default(),
            keeps_user: self.keeps_user.clone(),
            cancelled: self.cancelled.clone(),
            down: self.down.clone(),
            hosts: self.hosts.clone(),
            sees: self.sees.clone(),
            tolerates: self.tolerates.clone(),
            keeps_old: self.keeps_old.clone(),
            every: self.every.clone(),
            expiry: self.expiry.clone(),
            refuses: self.refuses.clone(),
            random: self.random.clone(),
            calls: RefCell::default(),
            mishaps: RefCell::default(),
            now: self.now.clone(),
            output: self.output.fork(),
            some_works: self.some_works.clone(),
            current_works: self.current_works.clone(),
            previous_works: self.previous_works.clone(),
            last_current: self.last_current.clone(),
            broken_off: RefCell::default(),
            lenient: self.lenient.clone(),
            violations: RefCell::default(),
            made: self.made.clone(),
            forged: self.forged.clone(),
            overlapped: self.overlapped.clone(),
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
        self.pins.set(leaked(&json!({ SECRET: *pin })));
    }

    /// Removes the secret from the pins.
    pub(crate) fn unpin(&self) {
        self.pins.set(leaked(&json!({})));
    }

    pub(crate) fn administrator_password(&self) -> String {
        "administrator's password, of thirty-two".to_owned()
    }

    /// Returns a unique password.
    pub(crate) fn make_password(&self) -> String {
        let number = self.made.get() + 1;
        self.made.set(number);
        let password = format!("P{number:08}!pa=ss{{word}}<&>{number:010}");
        assert_eq!(password.len(), 34);
        let password = password[password.len() - 32..].to_owned();
        self.never_say(&password);
        password
    }

    /// Returns a value for the pinned user and server with a password.
    pub(crate) fn value(&self, password: &str) -> Value {
        let mut value = json!({
            "engine": self.setting.engine.name(),
            "host": HOST,
            "port": 5432,
            "dbname": "orders",
            "username": USER,
            "password": password,
            "note": "kept as it is",
        });
        if self.setting.rotate_as != "self" {
            value["masterarn"] = Value::from(ADMINISTRATOR_ARN);
        }
        value
    }

    /// Lets time pass without calls.
    pub(crate) fn pass(&self, duration: Duration) {
        self.now.set(self.now.get() + duration);
    }

    /// Returns a pinned user on the server, if there is one of that name.
    pub(crate) fn user_called(&self, username: &str) -> Option<&RefCell<Option<User>>> {
        match username {
            USER => Some(&self.user),
            OTHER if self.setting.alternates => Some(&self.other),
            _ => None,
        }
    }

    /// Returns whether clients can log in with a version's value, and do their work.
    pub(crate) fn can_use(&self, details: &Details) -> bool {
        self.user_with(details).is_some_and(|user| user.has_rights)
    }

    /// Returns the user that a version's value is a login of, if it works.
    pub(crate) fn user_with(&self, details: &Details) -> Option<User> {
        let password = details.password.as_deref()?;
        let user = self.user_called(details.username?)?.borrow();
        user.as_ref().filter(|user| user.knows(password)).cloned()
    }

    /// Returns whether the user can log in with a password.
    pub(crate) fn knows(&self, password: &str) -> bool {
        let user = self.user.borrow();
        user.as_ref().is_some_and(|user| user.knows(password))
    }

    /// Changes the user's password on the server by hand. After that, the earlier invariants
    /// need not hold.
    pub(crate) fn change_by_hand(&self, password: &str) {
        // The person who did this also saw to the rights.
        self.user.replace(Some(User::new(password)));
        self.allow_breakage();
    }
}
