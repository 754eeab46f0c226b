//! Interrupts commands between any two of their changes, and runs them again.
//!
//! The number of changes is not written here: each run is stopped one change later than the one
//! before, until one completes. Each run has its own stack, user, and secret in the same
//! account.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::environment::{CommandOutput, Fault, Proxy, Stop, TestEnvironment};

/// How a command is ended.
#[derive(Clone, Copy, Debug)]
enum Termination {
    /// SIGKILL, immediately.
    Kill,
    /// SIGINT (Ctrl-C), after which the program reports the next step.
    Interrupt,
}

/// More than the number of changes of any command.
const MANY: u32 = 80;

struct Subject<'a> {
    test: &'a TestEnvironment,
    name: String,
}

impl<'a> Subject<'a> {
    /// Prepares a run: a manifest, and a user unless the stack creates it.
    async fn new(test: &'a TestEnvironment, name: &str, settings: &str) -> Self {
        let subject = Self {
            test,
            name: name.to_owned(),
        };
        if !settings.contains("create_user") {
            test.make_user(name).await;
        }
        if settings.contains("adopt") {
            let key = test.make_key(name).await;
            let value = json!({
                "accesskey": key.id, "secretkey": key.secret, "username": name, "secretarn": "arn:aws:none",
            });
            test.make_secret(name, &value.to_string()).await;
        }
        test.home.write(
            &format!("{name}.yaml"),
            format!(
                "version: 1\nstack: {name}\naccess_keys:\n  - {{ user: {name}, secret: {name}{settings} }}\n"
            ),
        );
        subject
    }

    fn arguments(&self, verb: &str) -> String {
        format!("{verb} -f {}.yaml --format json", self.name)
    }

    async fn keyrota(&self, verb: &str) -> CommandOutput {
        self.test.keyrota(&self.arguments(verb)).await
    }

    /// Runs a command and ends it at a stop. Returns `None` if it completes before.
    async fn cut(&self, verb: &str, stop: Stop, termination: Termination) -> Option<()> {
        let arguments = self.arguments(verb);
        let proxy = Proxy::start(self.test.endpoint(), Fault::Stop(stop)).await;
        let mut command = self.test.program(&arguments);
        command.env("AWS_ENDPOINT_URL", proxy.endpoint());
        let child = command.spawn().expect("keyrota can be started");
        let id = child.id().expect("it runs").to_string();
        let ended = child.wait_with_output();
        tokio::pin!(ended);
        let output = tokio::select! {
            output = &mut ended => {
                let ran = CommandOutput::new(&arguments, output.expect("its output")).exits(0);
                self.test.check_for_secrets(&ran).await;
                return None;
            }
            () = proxy.stopped() => {
                let signal = match termination {
                    Termination::Kill => "-KILL",
                    Termination::Interrupt => "-INT",
                };
                let status = Command::new("kill").args([signal, &id]).status().await;
                assert!(status.expect("kill can be started").success());
                ended.await
            }
        };
        let ran = CommandOutput::new(&arguments, output.expect("its output"));
        self.test.check_for_secrets(&ran).await;
        match termination {
            Termination::Kill => assert_eq!(ran.code, None, "{ran}"),
            Termination::Interrupt => {
                ran.exits(130)
                    .fails("interrupted", &["run the same command again"]);
            }
        }
        Some(())
    }

    /// Expects the correct final state: the only credential works, and the interrupted run left
    /// no key, change set, or tag.
    async fn expect_well(&self, what: &str) {
        let status = self.keyrota("status --check").await;
        assert_eq!(status.code, Some(0), "{what}: {status}");
        let document = status.json();
        let keys = document["secrets"][0]["keys"].as_array().expect("keys");
        let roles: Vec<&str> = keys.iter().filter_map(|key| key["role"].as_str()).collect();
        let known: BTreeSet<&str> = roles.iter().copied().collect();
        assert!(known.contains("current"), "{what}: {status}");
        assert!(
            known.is_subset(&BTreeSet::from(["current", "previous"])),
            "{what}: {status}"
        );
        assert_eq!(known.len(), roles.len(), "{what}: {status}");
        let current = self.test.current_key(&self.name).await;
        self.test
            .holder(&current)
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let tags = self.test.user_tags(&self.name).await;
        let marks = ["keyrota:seeding", "keyrota:abandoned"];
        let marked = marks.iter().any(|mark| tags.contains_key(*mark));
        assert!(!marked, "{what}: {tags:?}");
        let marks = format!("change set of {} ", self.name);
        let left: Vec<String> = self.test.everything().await;
        assert!(
            !left.iter().any(|line| line.starts_with(&marks)),
            "{what}: {left:#?}"
        );
    }

    /// Removes everything and expects that nothing of the run remains.
    async fn clear(&self, what: &str) {
        let teardown = "teardown --yes --force-delete-secrets";
        let ran = self.keyrota(teardown).await;
        assert_eq!(ran.code, Some(0), "{what}: {ran}");
        self.expect_nothing(what).await;
    }

    /// Expects that only the user remains, if the stack did not create it.
    async fn expect_nothing(&self, what: &str) {
        let left = self.test.everything().await;
        let left: Vec<&String> = left
            .iter()
            .filter(|line| !line.starts_with("user ") && !line.starts_with("key of "))
            .filter(|line| !line.ends_with(" PendingDeletion"))
            .collect();
        assert!(left.is_empty(), "{what}: {left:#?}");
    }
}

/// Returns every stop: before and after each change.
fn stops() -> impl Iterator<Item = Stop> {
    (1..=MANY).flat_map(|number| [Stop::Before(number), Stop::After(number)])
}

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip";

async fn bootstrap_in_halves(
    settings: &str,
    termination: Termination,
    stops: impl Iterator<Item = Stop>,
) {
    let test = TestEnvironment::new().await;
    let mut halves = 0;
    for (number, stop) in stops.enumerate() {
        let subject = Subject::new(&test, &format!("run{number}"), settings).await;
        let what = format!("{stop:?}");
        let cut = subject.cut(BOOTSTRAP, stop, termination).await;
        if cut.is_some() {
            halves += 1;
            let ran = subject.keyrota(BOOTSTRAP).await;
            assert_eq!(ran.code, Some(0), "{what}: {ran}");
            assert_eq!(
                ran.json()["secrets"][0]["verified"],
                Value::Bool(true),
                "{what}: {ran}"
            );
        }
        subject.expect_well(&what).await;
        subject.clear(&what).await;
        if cut.is_none() {
            assert!(halves > 10, "{halves} changes are too few");
            return;
        }
    }
    panic!("it does not come to its end");
}

#[tokio::test]
async fn a_bootstrap_that_is_killed_before_any_change_is_finished_by_the_next() {
    let before = stops().filter(|stop| matches!(stop, Stop::Before(_)));
    bootstrap_in_halves("", Termination::Kill, before).await;
}

#[tokio::test]
async fn a_bootstrap_that_is_killed_after_any_change_is_finished_by_the_next() {
    let after = stops().filter(|stop| matches!(stop, Stop::After(_)));
    let settings = ", create_user: true, rotate_as: role, kms_key: create";
    bootstrap_in_halves(settings, Termination::Kill, after).await;
}

#[tokio::test]
async fn a_bootstrap_that_adopts_and_is_killed_after_any_change_is_finished_by_the_next() {
    let after = stops().filter(|stop| matches!(stop, Stop::After(_)));
    bootstrap_in_halves(", adopt: true, kms_key: create", Termination::Kill, after).await;
}

#[tokio::test]
async fn a_bootstrap_that_is_interrupted_says_how_to_go_on() {
    let after = stops().filter(|stop| matches!(stop, Stop::After(_)));
    bootstrap_in_halves("", Termination::Interrupt, after).await;
}

#[tokio::test]
async fn a_teardown_that_is_killed_anywhere_is_finished_by_the_next() {
    let test = TestEnvironment::new().await;
    let teardown = "teardown --yes --force-delete-secrets";
    let settings = ", create_user: true, kms_key: create";
    for (number, stop) in stops().enumerate() {
        let subject = Subject::new(&test, &format!("run{number}"), settings).await;
        let what = format!("{stop:?}");
        let ran = subject.keyrota(BOOTSTRAP).await;
        assert_eq!(ran.code, Some(0), "{what}: {ran}");
        let cut = subject.cut(teardown, stop, Termination::Kill).await;
        subject.clear(&what).await;
        assert_eq!(test.keys(&subject.name).await, None, "{what}");
        if cut.is_none() {
            assert!(number > 8, "{number} stops are too few");
            return;
        }
    }
    panic!("it does not come to its end");
}

#[tokio::test]
async fn a_plan_or_rotation_that_is_killed_is_finished_by_the_next() {
    let test = TestEnvironment::new().await;
    let subject = Subject::new(&test, "run", "").await;
    let plan = "plan --function-zip function.zip";
    for stop in stops() {
        if subject.cut(plan, stop, Termination::Kill).await.is_none() {
            break;
        }
        subject.keyrota(plan).await.exits(0);
        subject.expect_nothing(&format!("{stop:?}")).await;
    }
    subject.keyrota(BOOTSTRAP).await.exits(0);
    for stop in stops() {
        let before = test.current_key("run").await;
        let cut = subject.cut("rotate", stop, Termination::Kill).await;
        let ran = subject.keyrota("rotate").await;
        assert_eq!(ran.code, Some(0), "{stop:?}: {ran}");
        subject.expect_well(&format!("{stop:?}")).await;
        assert_ne!(test.current_key("run").await, before);
        if cut.is_none() {
            return;
        }
    }
    panic!("it does not come to its end");
}

/// The repeated command has no `--key`, and AWSCURRENT may contain the new key already.
#[tokio::test]
async fn a_response_to_a_leaked_key_that_is_killed_is_finished_by_the_next() {
    let test = TestEnvironment::new().await;
    let subject = Subject::new(&test, "run", "").await;
    subject.keyrota(BOOTSTRAP).await.exits(0);
    let respond = "rotate --compromised run --deny-sessions --yes";
    for (number, stop) in stops().enumerate() {
        let leaked = test.current_key("run").await;
        let cut = subject.cut(respond, stop, Termination::Kill).await;
        let ran = subject.keyrota(respond).await;
        assert_eq!(ran.code, Some(0), "{stop:?}: {ran}");
        let result = &ran.json()["secrets"][0];
        assert_eq!(result["old_access_key_id"], *leaked.id, "{stop:?}: {ran}");
        assert_eq!(result["old_key_status"], "Inactive", "{stop:?}: {ran}");
        let current = test.current_key("run").await;
        assert_eq!(result["new_access_key_id"], *current.id, "{stop:?}: {ran}");
        let before = test.key_in("run", "AWSPREVIOUS").await;
        assert_eq!(before.as_ref(), Some(&leaked), "{stop:?}: {ran}");
        let keys = test.keys("run").await.expect("the user");
        assert_eq!((keys[&leaked.id], keys[&current.id]), (false, true));
        subject.expect_well(&format!("{stop:?}")).await;
        if cut.is_none() {
            assert!(number > 14, "{number} stops are too few");
            return;
        }
        // The next one is another incident.
        let request = test.iam.untag_user().user_name("run");
        let request = request.tag_keys("keyrota:leaked");
        request.send().await.expect("the record is removed");
    }
    panic!("it does not come to its end");
}
