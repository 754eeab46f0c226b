//! `follow`, killed everywhere, with what a host may meet.

use std::cell::{Cell, RefCell};

use futures_util::FutureExt;
use secrecy::ExposeSecret;

use super::super::fake::{FakeAws, Fault, FaultKind, Origin};
use super::super::{FollowError, FollowRequest, Followed, LogReader, follow};
use super::scenario::Scenario;
use crate::model::Names;
use crate::plan::profile_key;
use crate::port::{CURRENT, FileError, PREVIOUS, ProfileFile};
use crate::tool::testing::Recorder;

/// A credentials file in memory. The process can be killed at any of its operations.
struct FakeFile {
    content: RefCell<Vec<u8>>,
    pending: RefCell<Option<String>>,
    /// The operations until the process is killed, and whether it is killed after the operation.
    dies: Cell<Option<(usize, bool)>>,
    operations: Cell<usize>,
    /// What another program writes before each of the next replacements.
    intruders: RefCell<Vec<Vec<u8>>>,
}

impl FakeFile {
    fn with(fake: &FakeAws, label: &str) -> Self {
        let state = fake.state.borrow();
        let id = state.secrets["keys/ada"].field(label, "accesskey").unwrap();
        let pair = state.pair(&id);
        let secret = pair.secret.expose_secret();
        let text = format!(
            "[other]\n[host]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"
        );
        Self {
            content: RefCell::new(text.into_bytes()),
            pending: RefCell::default(),
            dies: Cell::default(),
            operations: Cell::default(),
            intruders: RefCell::default(),
        }
    }

    fn held(&self) -> String {
        profile_key(&self.content.borrow(), "host").unwrap().id
    }

    /// Carries out an operation, unless the process is killed first.
    fn act<T>(&self, effect: impl FnOnce() -> T) -> Result<T, FileError> {
        let killed = || {
            Err(FileError {
                message: "killed".to_owned(),
                hint: None,
            })
        };
        let number = self.operations.get() + 1;
        self.operations.set(number);
        match self.dies.get() {
            Some((at, false)) if at == number => killed(),
            Some((at, true)) if at == number => {
                effect();
                killed()
            }
            _ => Ok(effect()),
        }
    }
}

impl ProfileFile for FakeFile {
    fn path(&self) -> String {
        "credentials".to_owned()
    }

    fn read(&self) -> Result<Vec<u8>, FileError> {
        self.act(|| self.content.borrow().clone())
    }

    fn replace(&self, seen: &[u8], content: &[u8]) -> Result<bool, FileError> {
        self.act(|| {
            if let Some(other) = self.intruders.borrow_mut().pop() {
                *self.content.borrow_mut() = other;
            }
            let is_same = *self.content.borrow() == seen;
            if is_same {
                *self.content.borrow_mut() = content.to_vec();
            }
            is_same
        })
    }

    fn pending_command(&self) -> Result<Option<String>, FileError> {
        self.act(|| self.pending.borrow().clone())
    }

    fn set_pending_command(&self, id: Option<&str>) -> Result<(), FileError> {
        self.act(|| *self.pending.borrow_mut() = id.map(str::to_owned))
    }
}

fn deployed() -> (Scenario, FakeAws) {
    let entry = "  - { user: ada, readers: [self] }\n";
    let scenario = Scenario::new(entry, |state| state.add_user("ada"));
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().next_day();
    (scenario, fake)
}

/// Checks once in a process of its own. Nothing is returned if a call kills it.
fn check_once(
    scenario: &Scenario,
    fake: &FakeAws,
    file: &FakeFile,
    fault: Option<Fault>,
) -> Option<Result<Followed, FollowError>> {
    fake.begin(fault);
    file.operations.set(0);
    let (listener, logs, names) = (Recorder::default(), LogReader::default(), Names::usual());
    let context = scenario.context(fake, &listener, &logs);
    let request = FollowRequest {
        secret: "keys/ada",
        names: &names,
        profile: "host",
        has_command: true,
    };
    follow(&context, file, &request).now_or_never()
}

/// Requires that the profile's key works, and returns its ID.
fn works(fake: &FakeAws, file: &FakeFile, when: &str) -> String {
    let key = profile_key(&file.content.borrow(), "host").unwrap();
    let state = fake.state.borrow();
    let record = &state.keys.get(&key.id);
    let record = record.unwrap_or_else(|| panic!("{when}: {} does not exist", key.id));
    assert!(record.active, "{when}: {} is inactive", key.id);
    assert_eq!(key.secret.expose_secret(), record.secret, "{when}");
    key.id
}

fn current(fake: &FakeAws) -> String {
    let state = fake.state.borrow();
    state.secrets["keys/ada"]
        .field(CURRENT, "accesskey")
        .unwrap()
}

#[test]
fn twenty_rotations_with_a_kill_at_every_step() {
    let (scenario, fake) = deployed();
    let file = FakeFile::with(&fake, CURRENT);
    let mut killed = 0;
    for rotation in 0..20 {
        scenario.rotate(&fake, None).unwrap().unwrap();
        fake.state.borrow_mut().next_day();
        let expected = current(&fake);
        works(&fake, &file, "after the rotation");
        // Each step of a check, until one ends: its calls, and its operations on the file.
        let mut steps = 0;
        for step in 1.. {
            let kinds = [FaultKind::DiesBefore, FaultKind::Lost, FaultKind::Throttled];
            let fault = Fault {
                call: step,
                kind: kinds[rotation % kinds.len()],
            };
            let ended = check_once(&scenario, &fake, &file, Some(fault));
            works(&fake, &file, "after a fault of a call");
            if matches!(&ended, Some(Ok(followed)) if followed.replaced.is_none()) {
                break;
            }
            killed += 1;
            for after in [false, true] {
                file.dies.set(Some((step, after)));
                let _ = check_once(&scenario, &fake, &file, None);
                file.dies.set(None);
                works(&fake, &file, "after a kill at the file");
                killed += 1;
            }
            steps += 1;
            assert!(steps < 20);
        }
        let followed = check_once(&scenario, &fake, &file, None).unwrap().unwrap();
        assert_eq!(followed.id, expected);
        // No kill was late enough for the command to have run.
        assert!(followed.must_run_command, "rotation {rotation}");
        file.set_pending_command(None).unwrap();
        let followed = check_once(&scenario, &fake, &file, None).unwrap().unwrap();
        assert!(!followed.must_run_command && followed.replaced.is_none());
        assert_eq!(works(&fake, &file, "at the end"), expected);
        // The grace period ends.
        let mut state = fake.state.borrow_mut();
        let old = state.secrets["keys/ada"]
            .field(PREVIOUS, "accesskey")
            .unwrap();
        state.keys.get_mut(&old).unwrap().active = false;
        drop(state);
        works(&fake, &file, "after the grace period");
    }
    assert!(killed >= 20 * 6, "{killed}");
}

#[test]
fn a_key_that_does_not_work_yet_is_awaited_and_one_that_never_does_is_not_taken() {
    let (scenario, fake) = deployed();
    // The faults are those of others.
    fake.state.borrow_mut().watch.meanwhile = true;
    let file = FakeFile::with(&fake, CURRENT);
    let old = file.held();
    scenario.rotate(&fake, None).unwrap().unwrap();
    let new = current(&fake);
    fake.state.borrow_mut().keys.get_mut(&new).unwrap().active = false;
    let refused = check_once(&scenario, &fake, &file, None)
        .unwrap()
        .unwrap_err();
    assert!(matches!(&refused, FollowError::NewRefused { id, .. } if *id == new));
    assert!(refused.may_pass(false));
    assert_eq!(file.held(), old);
    fake.state.borrow_mut().keys.get_mut(&new).unwrap().active = true;
    check_once(&scenario, &fake, &file, None).unwrap().unwrap();
    assert_eq!(file.held(), new);
}

/// The new key works, so it must not be lost because the old one no longer does.
#[test]
fn a_key_is_taken_even_if_the_old_one_ends_while_it_is_awaited() {
    let (scenario, fake) = deployed();
    // The faults are those of others.
    fake.state.borrow_mut().watch.meanwhile = true;
    let file = FakeFile::with(&fake, CURRENT);
    let old = file.held();
    scenario.rotate(&fake, None).unwrap().unwrap();
    let new = current(&fake);
    let set_active = |id: &str, active: bool| {
        fake.state.borrow_mut().keys.get_mut(id).unwrap().active = active;
    };
    set_active(&new, false);
    fake.begin_several();
    let (listener, logs, names) = (Recorder::default(), LogReader::default(), Names::usual());
    let context = scenario.context(&fake, &listener, &logs);
    let request = FollowRequest {
        secret: "keys/ada",
        names: &names,
        profile: "host",
        has_command: false,
    };
    let mut checked = Box::pin(follow(&context, &file, &request));
    let mut step = || checked.as_mut().now_or_never();
    // The secret, the user of the old key, and the new key, which is refused.
    for _ in 0..10 {
        assert!(step().is_none());
    }
    assert_eq!(fake.calls(), 3);
    set_active(&old, false);
    set_active(&new, true);
    fake.state.borrow_mut().pass(scenario.pace.poll);
    let followed = std::iter::from_fn(|| Some(step()))
        .take(10)
        .flatten()
        .next();
    assert_eq!(followed.unwrap().unwrap().id, new);
    assert_eq!(file.held(), new);
}

/// A half-written file, a wrong value, or a policy may be corrected by the next check. A daemon that
/// worked once must not end because of them.
#[test]
fn only_a_refused_key_ends_a_daemon_that_has_succeeded() {
    let (scenario, fake) = deployed();
    // The faults are those of others.
    fake.state.borrow_mut().watch.meanwhile = true;
    let file = FakeFile::with(&fake, CURRENT);
    let content = file.content.borrow().clone();
    let failed = || {
        check_once(&scenario, &fake, &file, None)
            .unwrap()
            .unwrap_err()
    };
    let mut failures = Vec::new();
    file.content.borrow_mut().truncate(content.len() / 2);
    failures.push(failed());
    *file.content.borrow_mut() = content;
    let denied = "secretsmanager:GetSecretValue";
    fake.state.borrow_mut().denied_calls.insert(denied);
    failures.push(failed());
    fake.state.borrow_mut().denied_calls.remove(denied);
    let mut state = fake.state.borrow_mut();
    state.put("keys/ada", "garbage", CURRENT, "{}").unwrap();
    drop(state);
    failures.push(failed());
    for failure in &failures {
        assert!(
            !failure.may_pass(false) && failure.may_pass(true),
            "{failure}"
        );
    }
    assert!(matches!(
        failures[..],
        [
            FollowError::Profile { .. },
            FollowError::Denied { .. },
            FollowError::Value { .. }
        ]
    ));
}

/// A principal that may write the secret can store any key, and the host must not use it.
#[test]
fn the_key_of_another_user_is_not_taken() {
    let (scenario, fake) = deployed();
    // The faults are those of others.
    fake.state.borrow_mut().watch.meanwhile = true;
    let file = FakeFile::with(&fake, CURRENT);
    let held = file.held();
    let mut state = fake.state.borrow_mut();
    state.add_user("mallory");
    let id = state.add_key("mallory", Origin::Somebody);
    let secret = state.keys[&id].secret.clone();
    let value = format!(r#"{{"accesskey":"{id}","secretkey":"{secret}","username":"ada"}}"#);
    state.put("keys/ada", "forged", CURRENT, &value).unwrap();
    state.next_day();
    drop(state);
    let refused = check_once(&scenario, &fake, &file, None)
        .unwrap()
        .unwrap_err();
    assert!(
        matches!(&refused, FollowError::OtherUser { .. }),
        "{refused}"
    );
    assert!(!refused.may_pass(false) && !refused.to_string().contains(&secret));
    assert_eq!(file.held(), held);
}

#[test]
fn a_host_that_missed_a_rotation_is_told() {
    let (scenario, fake) = deployed();
    // The faults are those of others.
    fake.state.borrow_mut().watch.meanwhile = true;
    let file = FakeFile::with(&fake, CURRENT);
    let held = file.held();
    fake.state.borrow_mut().keys.get_mut(&held).unwrap().active = false;
    let refused = check_once(&scenario, &fake, &file, None)
        .unwrap()
        .unwrap_err();
    assert!(matches!(&refused, FollowError::Refused { id, .. } if *id == held));
    assert!(!refused.may_pass(false) && !refused.may_pass(true));
    assert_eq!(file.held(), held);
}

#[test]
fn a_file_that_another_program_changes_is_read_again() {
    let (scenario, fake) = deployed();
    let file = FakeFile::with(&fake, CURRENT);
    scenario.rotate(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().next_day();
    let content = file.content.borrow().clone();
    let with = |line: &str| [content.as_slice(), line.as_bytes()].concat();
    *file.intruders.borrow_mut() = vec![with("region = b\n"), with("region = a\n")];
    check_once(&scenario, &fake, &file, None).unwrap().unwrap();
    assert_eq!(file.held(), current(&fake));
    assert!(file.content.borrow().ends_with(b"region = b\n"));

    scenario.rotate(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().next_day();
    let held = file.held();
    let content = file.content.borrow().clone();
    let changes = (0..30).map(|count| [content.as_slice(), &vec![b'\n'; count + 1]].concat());
    *file.intruders.borrow_mut() = changes.collect();
    let busy = check_once(&scenario, &fake, &file, None)
        .unwrap()
        .unwrap_err();
    assert!(matches!(busy, FollowError::Busy(_)) && busy.may_pass(false));
    assert_eq!(file.held(), held);
}
