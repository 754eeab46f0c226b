//! The state of the fakes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use keyrota_service_function::pin::Pins;
use keyrota_service_function::service::{Account, Adapter, ServiceFault};
use keyrota_service_function::stage::CURRENT;
use keyrota_test_function::output::Output;
use keyrota_test_function::secrets::{FakeSecrets as _, Secrets};
use keyrota_test_function::twice::Turns;
use serde_json::{Value, json};

use super::mishap::Mishap;
use super::secrets_manager::Details;

pub(crate) const USER: &str = "billing \"x\"@example.com";
/// Another user of the service, whom no pin names.
pub(crate) const OTHER: &str = "administrator@example.com";
const SECRET: &str = "partner/portal";
pub(crate) const SECRET_ARN: &str =
    "arn:aws:secretsmanager:eu-central-1:111122223333:secret:partner/portal-AbCdEf";
pub(crate) const TOKEN: &str = "11111111-2222-3333-4444-555555555555";
const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111122223333:function:portal-adapter";

/// The time of day at which the clock starts.
pub(super) const MORNING: i64 = 1_790_000_000;

/// The parameters of a test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Whether the service keeps the old password valid.
    pub(crate) retains: bool,
    /// How long it takes until logins know a new password.
    pub(crate) propagation: Duration,
}

impl Setting {
    pub(crate) const PLAIN: Self = Self {
        retains: false,
        propagation: Duration::ZERO,
    };

    pub(crate) const RETAINS: Self = Self {
        retains: true,
        ..Self::PLAIN
    };

    pub(crate) const FARM: Self = Self {
        propagation: Duration::from_secs(30),
        ..Self::PLAIN
    };

    pub(crate) const ALL: [Self; 3] = [Self::PLAIN, Self::RETAINS, Self::FARM];
}

/// A user of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) primary: String,
    pub(crate) secondary: Option<String>,
    /// The password that members of a farm know until this time.
    pub(crate) stale: Option<(String, Duration)>,
}

impl User {
    pub(crate) fn new(password: &str) -> Self {
        Self {
            primary: password.to_owned(),
            secondary: None,
            stale: None,
        }
    }
}

/// The state of Secrets Manager and of the service.
#[derive(Clone)]
pub(crate) struct FakeServices {
    pub(crate) setting: Setting,
    /// The secret's pin. There is no other.
    pin: RefCell<Value>,
    pub(super) pins: Cell<&'static Pins>,
    pub(crate) secrets: Secrets<Details>,
    /// The user, unless it was dropped.
    pub(crate) user: RefCell<Option<User>>,
    /// The service's fault, if it has one.
    pub(crate) down: Cell<Option<ServiceFault>>,
    /// The service's answer to a change, if it refuses.
    pub(crate) refuses: Cell<Option<ServiceFault>>,
    /// The response of `GetRandomPassword`, if it is not a valid password.
    pub(crate) random: RefCell<Option<String>>,
    pub(crate) calls: RefCell<Vec<&'static str>>,
    pub(crate) mishaps: RefCell<BTreeMap<usize, Mishap>>,
    pub(crate) now: Cell<Duration>,
    pub(crate) output: std::rc::Rc<Output>,
    /// Whether some version's password works, so that one must continue to work.
    pub(super) some_works: Cell<bool>,
    /// Whether AWSCURRENT's password works and must continue to work.
    pub(super) current_works: Cell<bool>,
    /// The password of a login since the process began that was interrupted for a reason other
    /// than a wrong password.
    pub(super) broken_off: RefCell<Option<String>>,
    /// How many logins in succession were refused, in this request.
    pub(super) wrong_logins: Cell<u32>,
    /// The most of these in any request.
    pub(crate) most_wrong: Cell<u32>,
    /// Whether a violated invariant is only recorded.
    pub(crate) lenient: Cell<bool>,
    pub(crate) violations: RefCell<Vec<String>>,
    pub(crate) made: Cell<u32>,
    /// How often a principal that may write the secret has acted.
    pub(crate) forged: Cell<u32>,
    /// Whether the login under way reaches a member of a farm that knows the latest password already.
    pub(super) fresh: Cell<bool>,
    /// Whether two runs overlap, or have. Two changes at once can displace the password that the
    /// service keeps.
    pub(crate) overlapped: Cell<bool>,
    /// Whose turn it is, if two runs are interleaved.
    pub(crate) turns: std::rc::Rc<Turns<Mishap>>,
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
            "adapter": { "function": FUNCTION },
            "settings": { "tenant": "4711" },
            "password": { "length": 32, "exclude": "/@\"'\\", "require": ["upper", "digit"] },
        });
        if !setting.propagation.is_zero() {
            pin["propagation"] = json!(format!("{}s", setting.propagation.as_secs()));
        }
        let services = Self {
            setting,
            pins: Cell::new(leaked(&json!({ SECRET: pin }))),
            pin: RefCell::new(pin),
            secrets: RefCell::default(),
            user: RefCell::default(),
            down: Cell::default(),
            refuses: Cell::default(),
            random: RefCell::default(),
            calls: RefCell::default(),
            mishaps: RefCell::default(),
            now: Cell::default(),
            output: std::rc::Rc::default(),
            some_works: Cell::default(),
            current_works: Cell::default(),
            broken_off: RefCell::default(),
            wrong_logins: Cell::default(),
            most_wrong: Cell::default(),
            lenient: Cell::default(),
            violations: RefCell::default(),
            made: Cell::default(),
            forged: Cell::default(),
            fresh: Cell::default(),
            overlapped: Cell::default(),
            turns: std::rc::Rc::default(),
        };
        services.never_say(TOKEN);
        services.add_secret(SECRET_ARN);
        let password = services.make_password();
        services.user.replace(Some(User::new(&password)));
        services.store("first", &[CURRENT], &services.value(&password));
        services.check();
        services
    }

    /// Returns a copy with an empty list of calls, and without violations.
    pub(crate) fn fork(&self) -> Self {
        Self {
            calls: RefCell::default(),
            mishaps: RefCell::default(),
            output: std::rc::Rc::new(self.output.fork()),
            broken_off: RefCell::default(),
            wrong_logins: Cell::default(),
            violations: RefCell::default(),
            turns: std::rc::Rc::default(),
            ..self.clone()
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

    /// Returns what the pin names.
    pub(super) fn account(&self) -> Account {
        Account {
            username: USER.to_owned(),
            adapter: Adapter::Function(FUNCTION.to_owned()),
            settings: BTreeMap::from([("tenant".to_owned(), "4711".to_owned())]),
        }
    }

    /// Returns a unique password.
    pub(crate) fn make_password(&self) -> String {
        let number = self.made.get() + 1;
        self.made.set(number);
        let password = format!("P{number:08}!pa=ss{{word}}<&>{number:010}");
        let password = password[password.len() - 31..].to_owned();
        let password = format!("Q{password}");
        assert_eq!(password.len(), 32);
        self.never_say(&password);
        password
    }

    /// Returns a value for the pinned user with a password.
    pub(crate) fn value(&self, password: &str) -> Value {
        json!({ "username": USER, "password": password, "note": "kept as it is" })
    }

    /// Lets time pass without calls.
    pub(crate) fn pass(&self, duration: Duration) {
        self.now.set(self.now.get() + duration);
    }

    /// Returns whether the service has a password, where changes go.
    pub(crate) fn knows(&self, password: &str) -> bool {
        let user = self.user.borrow();
        user.as_ref().is_some_and(|user| {
            user.primary == password || user.secondary.as_deref() == Some(password)
        })
    }

    /// Returns whether members of a farm do not know the latest password yet.
    pub(crate) fn is_spreading(&self) -> bool {
        let user = self.user.borrow();
        let stale = user.as_ref().and_then(|user| user.stale.as_ref());
        stale.is_some_and(|(_, until)| self.now.get() < *until)
    }

    /// Returns whether logins with a password succeed now, on the members that know the latest one last.
    pub(crate) fn member_knows(&self, password: &str) -> bool {
        let user = self.user.borrow();
        match user.as_ref().and_then(|user| user.stale.as_ref()) {
            Some((stale, until)) if self.now.get() < *until => stale == password,
            _ => self.knows(password),
        }
    }

    /// Changes the user's password on the service by hand. After that, the earlier invariants
    /// need not hold.
    pub(crate) fn change_by_hand(&self, password: &str) {
        self.user.replace(Some(User::new(password)));
        self.allow_breakage();
    }
}
