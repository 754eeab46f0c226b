//! `rotate --compromised`, interrupted everywhere, and what it refuses.

use std::cell::Cell;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::super::fake::{FakeAws, Fault, FaultKind, Origin};
use super::super::{
    Context, Deployed, Error, LeakOutcome, LeakRequest, assess_leak, investigate_leak,
    respond_to_leak,
};
use super::scenario::{Ended, Scenario, explore, tell};
use crate::plan::{
    DENY_SESSIONS_POLICY, DeniedSessions, LEAKED_TAG, LeakRefusal, LeakReport, OldKeyStatus,
};
use crate::port::{CURRENT, Clock, ErrorKind, Event, Listener, PREVIOUS, TrailEvent};

const ENTRIES: [&str; 4] = [
    "  - { user: ada }\n",
    "  - { user: ada, rotate_as: role }\n",
    "  - { user: ada, rotate_as: ops/administrator }\n",
    "  - { user: ada, create_user: true }\n",
];

fn scenario(entries: &str) -> Scenario {
    let creates = entries.contains("create_user");
    Scenario::new(entries, |state| {
        if !creates {
            state.add_user("ada");
        }
        state.add_administrator("ops/administrator");
    })
}

/// Returns an account with a key that has rotated once, a day ago.
fn deployed(scenario: &Scenario) -> FakeAws {
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().next_day();
    fake
}

fn key(fake: &FakeAws, label: &str) -> String {
    let state = fake.state.borrow();
    state.secrets["keys/ada"].field(label, "accesskey").unwrap()
}

/// Runs the command, and returns what it achieved.
fn respond(
    scenario: &Scenario,
    fake: &FakeAws,
    fault: Option<Fault>,
    request: LeakRequest<'_>,
) -> Ended<LeakOutcome> {
    scenario.run(fake, fault, async |context| {
        respond_in(context, scenario, request).await
    })
}

async fn respond_in(
    context: &Context<'_>,
    scenario: &Scenario,
    request: LeakRequest<'_>,
) -> Result<LeakOutcome, Error> {
    let deployed = Deployed::observe(context, &scenario.model).await?;
    let entry = scenario.model.entries[0].as_access_key().unwrap();
    let assessment = assess_leak(context, &deployed, entry, request).await?;
    if let Some(refusal) = assessment.refusal() {
        return Err(refusal);
    }
    let mut outcome = LeakOutcome::of(&assessment);
    let model = &scenario.model;
    respond_to_leak(context, model, &deployed, &assessment, &mut outcome).await?;
    Ok(outcome)
}

fn refusal(ended: Ended<LeakOutcome>) -> LeakRefusal {
    match ended.unwrap() {
        Err(Error::Leak { refusal, .. }) => *refusal,
        other => panic!("{other:?}"),
    }
}

/// Expects that no call changed anything.
fn changed_nothing(fake: &FakeAws) {
    let log = fake.log.borrow();
    let reads = |call: &&&str| {
        let action = call.split(':').nth(1).unwrap();
        ["Get", "List", "Describe", "Lookup"]
            .iter()
            .any(|verb| action.starts_with(verb))
    };
    let changes: Vec<_> = log.iter().filter(|call| !reads(call)).collect();
    assert!(changes.is_empty(), "{changes:?}");
}

/// Interrupts the response at each call, with and without each option, and repeats it.
fn survives(entries: &str) {
    let requests = [
        LeakRequest::default(),
        LeakRequest {
            key: None,
            deny_sessions: true,
            delete_old_key: true,
        },
    ];
    for request in requests {
        let scenario = scenario(entries);
        let prepared = deployed(&scenario);
        let leaked = key(&prepared, CURRENT);
        prepared.state.borrow_mut().watch.leaked = Some(leaked.clone());
        let start = prepared.state.into_inner();
        let explored = explore(
            || FakeAws::new(start.clone()),
            |fake, fault| respond(&scenario, fake, fault, request),
            |fake, outcome| {
                let new = key(fake, CURRENT);
                assert_eq!(outcome.current_key.as_ref(), Some(&new));
                assert!(outcome.verified);
                // The leaked key was replaced, and not the key that replaced it.
                assert_eq!(key(fake, PREVIOUS), leaked, "rotated twice");
                let state = fake.state.borrow();
                assert!(state.orphans().is_empty(), "{:?}", state.orphans());
                assert!(state.keys[&new].active);
                let status = match state.keys.get(&leaked) {
                    Some(key) if key.active => OldKeyStatus::Active,
                    Some(_) => OldKeyStatus::Inactive,
                    None => OldKeyStatus::Deleted,
                };
                let expected = match request.delete_old_key {
                    true => OldKeyStatus::Deleted,
                    false => OldKeyStatus::Inactive,
                };
                assert_eq!((outcome.status, status), (Some(expected), expected));
                let policy = ("ada".to_owned(), DENY_SESSIONS_POLICY.to_owned());
                let document = state.policy_documents.get(&policy);
                let denied = document.map(|document| DeniedSessions::read(document).unwrap());
                assert_eq!(denied, outcome.sessions);
                assert_eq!(denied.is_some(), request.deny_sessions);
                assert!(state.user_tags["ada"][LEAKED_TAG].contains(&leaked));
            },
        );
        tell(&format!("leak, {}", entries.trim()), explored);
    }
}

#[test]
fn a_response_interrupted_anywhere() {
    survives(ENTRIES[0]);
}

#[test]
fn a_response_interrupted_anywhere_where_the_role_rotates() {
    survives(ENTRIES[1]);
}

#[test]
fn a_response_interrupted_anywhere_where_an_administrator_rotates() {
    survives(ENTRIES[2]);
}

#[test]
fn a_response_interrupted_anywhere_for_a_user_of_the_stack() {
    survives(ENTRIES[3]);
}

#[test]
fn a_leaked_previous_key_needs_no_rotation() {
    let scenario = scenario(ENTRIES[0]);
    let prepared = deployed(&scenario);
    let (current, leaked) = (key(&prepared, CURRENT), key(&prepared, PREVIOUS));
    prepared.state.borrow_mut().watch.leaked = Some(leaked.clone());
    let start = prepared.state.into_inner();
    let request = LeakRequest {
        key: Some(&leaked),
        ..LeakRequest::default()
    };
    explore(
        || FakeAws::new(start.clone()),
        |fake, fault| respond(&scenario, fake, fault, request),
        |fake, outcome| {
            assert_eq!(outcome.status, Some(OldKeyStatus::Inactive));
            assert_eq!(key(fake, CURRENT), current);
            let log = fake.log.borrow();
            assert!(!log.contains(&"iam:CreateAccessKey"));
            assert!(!log.contains(&"secretsmanager:RotateSecret"));
        },
    );
}

/// Without the record, the second command would replace the new key.
#[test]
fn a_repeated_command_changes_nothing_more() {
    let scenario = scenario(ENTRIES[1]);
    let fake = deployed(&scenario);
    let leaked = key(&fake, CURRENT);
    fake.state.borrow_mut().watch.leaked = Some(leaked.clone());
    let request = LeakRequest::default();
    respond(&scenario, &fake, None, request).unwrap().unwrap();
    let new = key(&fake, CURRENT);
    let outcome = respond(&scenario, &fake, None, request).unwrap().unwrap();
    assert_eq!(outcome.status, Some(OldKeyStatus::Inactive));
    assert_eq!(
        (key(&fake, CURRENT), key(&fake, PREVIOUS)),
        (new.clone(), leaked.clone())
    );
    // A day later, it may be another incident.
    fake.state.borrow_mut().next_day();
    let refused = refusal(respond(&scenario, &fake, None, request));
    assert!(
        matches!(refused, LeakRefusal::Ambiguous { .. }),
        "{refused}"
    );
    changed_nothing(&fake);
    // The key that leaked first is deleted on request only.
    fake.state.borrow_mut().watch.leaked = Some(new.clone());
    let named = LeakRequest {
        key: Some(&new),
        ..request
    };
    let refused = refusal(respond(&scenario, &fake, None, named));
    assert!(
        matches!(&refused, LeakRefusal::ReportedInTheWay { key, .. } if key.id == leaked),
        "{refused}"
    );
    changed_nothing(&fake);
    let deleting = LeakRequest {
        delete_old_key: true,
        ..named
    };
    let outcome = respond(&scenario, &fake, None, deleting).unwrap().unwrap();
    assert_eq!(outcome.status, Some(OldKeyStatus::Deleted));
    assert_eq!(outcome.deleted_key.as_ref(), Some(&leaked));
    assert_eq!(key(&fake, PREVIOUS), new);
    let state = fake.state.borrow();
    assert!(!state.keys.contains_key(&leaked) && !state.keys.contains_key(&new));
}

/// The first command died after the promotion or after the deactivation, and nobody repeated it in
/// time.
#[test]
fn an_unfinished_response_of_yesterday_is_asked_about() {
    let request = LeakRequest {
        deny_sessions: true,
        ..LeakRequest::default()
    };
    for name in ["iam:UpdateAccessKey", "iam:PutUserPolicy"] {
        let scenario = scenario(ENTRIES[1]);
        let prepared = deployed(&scenario);
        let leaked = key(&prepared, CURRENT);
        prepared.state.borrow_mut().watch.leaked = Some(leaked.clone());
        let start = prepared.state.into_inner();
        let fake = FakeAws::new(start.clone());
        respond(&scenario, &fake, None, request).unwrap().unwrap();
        let (call, _) = fake.first(name).unwrap();
        let fake = FakeAws::new(start);
        let kind = FaultKind::DiesBefore;
        assert!(respond(&scenario, &fake, Some(Fault { call, kind }), request).is_none());
        let new = key(&fake, CURRENT);
        assert_ne!(new, leaked);
        fake.state.borrow_mut().next_day();
        let refused = refusal(respond(&scenario, &fake, None, request));
        assert!(
            matches!(refused, LeakRefusal::Ambiguous { .. }),
            "{refused}"
        );
        changed_nothing(&fake);
        let named = LeakRequest {
            key: Some(&leaked),
            ..request
        };
        let outcome = respond(&scenario, &fake, None, named).unwrap().unwrap();
        assert_eq!(outcome.status, Some(OldKeyStatus::Inactive));
        assert!(outcome.sessions.is_some());
        assert_eq!(key(&fake, CURRENT), new);
    }
}

/// The command that named another key has ended, and AWSCURRENT's key leaks within the hour.
#[test]
fn a_response_to_another_key_is_not_continued() {
    for delete_old_key in [true, false] {
        let scenario = scenario(ENTRIES[1]);
        let fake = deployed(&scenario);
        let (current, previous) = (key(&fake, CURRENT), key(&fake, PREVIOUS));
        fake.state.borrow_mut().watch.leaked = Some(previous.clone());
        let named = LeakRequest {
            key: Some(&previous),
            delete_old_key,
            ..LeakRequest::default()
        };
        respond(&scenario, &fake, None, named).unwrap().unwrap();
        assert_eq!(key(&fake, CURRENT), current);
        fake.state.borrow_mut().watch.leaked = Some(current.clone());
        let request = LeakRequest::default();
        if !delete_old_key {
            let refused = refusal(respond(&scenario, &fake, None, request));
            assert!(
                matches!(&refused, LeakRefusal::ReportedInTheWay { key, .. } if key.id == previous),
                "{refused}"
            );
            changed_nothing(&fake);
            continue;
        }
        let outcome = respond(&scenario, &fake, None, request).unwrap().unwrap();
        assert_eq!(outcome.status, Some(OldKeyStatus::Inactive));
        assert_eq!(key(&fake, PREVIOUS), current);
        assert!(!fake.state.borrow().keys[&current].active);
    }
}

/// An account that lists a key as active for a while after it was deactivated.
struct StaleList<'a> {
    fake: &'a FakeAws,
    key: &'a str,
    until: Cell<Option<Timestamp>>,
}

impl StaleList<'_> {
    fn list(&self, active: bool) {
        let mut state = self.fake.state.borrow_mut();
        state.keys.get_mut(self.key).unwrap().active = active;
    }
}

impl Listener for StaleList<'_> {
    fn on(&self, event: Event) {
        if let Event::Done(what) = event
            && what.contains("deactivated the leaked key")
        {
            let until = self.now() + SignedDuration::from_secs(30);
            self.until.set(Some(until));
            self.list(true);
        }
    }
}

#[async_trait(?Send)]
impl Clock for StaleList<'_> {
    fn now(&self) -> Timestamp {
        self.fake.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.fake.sleep(duration).await;
        if self.until.get().is_some_and(|until| self.now() >= until) {
            self.list(false);
        }
    }

    fn token(&self) -> String {
        self.fake.token()
    }
}

#[test]
fn a_stale_list_of_keys_is_waited_for() {
    let scenario = scenario(ENTRIES[1]);
    let fake = deployed(&scenario);
    let leaked = key(&fake, CURRENT);
    fake.state.borrow_mut().watch.leaked = Some(leaked.clone());
    let stale = StaleList {
        fake: &fake,
        key: &leaked,
        until: Cell::new(None),
    };
    let ended = scenario.run(&fake, None, async |context| {
        let context = Context {
            clock: &stale,
            listener: &stale,
            ..*context
        };
        respond_in(&context, &scenario, LeakRequest::default()).await
    });
    let outcome = ended.unwrap().unwrap();
    assert_eq!(outcome.status, Some(OldKeyStatus::Inactive));
    let names = fake.names();
    let deactivations = names.iter().filter(|name| **name == "iam:UpdateAccessKey");
    assert_eq!(deactivations.count(), 1, "the step was repeated");
}

#[test]
fn a_leaked_key_is_not_restored() {
    let scenario = scenario(ENTRIES[1]);
    let fake = deployed(&scenario);
    let (current, leaked) = (key(&fake, CURRENT), key(&fake, PREVIOUS));
    {
        let mut state = fake.state.borrow_mut();
        let word = format!("{leaked}={}", state.now.as_second());
        let tags = state.user_tags.entry("ada".to_owned()).or_default();
        tags.insert(LEAKED_TAG.to_owned(), word);
    }
    let error = scenario.restore(&fake, None).unwrap().unwrap_err();
    assert!(matches!(error, Error::NotRestored { .. }), "{error}");
    let told = error.to_string();
    for part in [
        format!("{leaked} was reported as leaked at "),
        "keyrota rotate keys/ada".to_owned(),
        format!("aws iam untag-user --user-name ada --tag-keys {LEAKED_TAG}"),
    ] {
        assert!(told.contains(&part), "{part}: {told}");
    }
    changed_nothing(&fake);
    assert_eq!(key(&fake, CURRENT), current);
}

#[test]
fn an_unknown_active_key_stops_it_before_any_change() {
    for used in [false, true] {
        let scenario = scenario(ENTRIES[1]);
        let fake = deployed(&scenario);
        let previous = key(&fake, PREVIOUS);
        {
            let mut state = fake.state.borrow_mut();
            state.keys.remove(&previous);
            let foreign = state.add_key("ada", Origin::Somebody);
            let now = state.now;
            state.keys.get_mut(&foreign).unwrap().last_used = used.then_some(now);
            state.next_day();
        }
        let refused = refusal(respond(&scenario, &fake, None, LeakRequest::default()));
        assert!(matches!(refused, LeakRefusal::NoRoom { .. }), "{refused}");
        changed_nothing(&fake);
    }
}

/// A principal that may only write the secret makes AWSCURRENT name a key that somebody else created.
#[test]
fn a_forged_value_does_not_choose_the_leaked_key() {
    let scenario = scenario(ENTRIES[1]);
    let fake = deployed(&scenario);
    let previous = key(&fake, PREVIOUS);
    let foreign = {
        let mut state = fake.state.borrow_mut();
        state.watch.meanwhile = true;
        state.keys.remove(&previous);
        let foreign = state.add_key("ada", Origin::Somebody);
        let secret = state.secrets.get_mut("keys/ada").unwrap();
        let version = secret.labelled(CURRENT).unwrap().to_owned();
        let text = serde_json::json!({
            "accesskey": foreign, "secretkey": "wrong", "username": "ada", "secretarn": secret.arn,
        });
        secret.versions.get_mut(&version).unwrap().value = Some(text.to_string());
        state.next_day();
        foreign
    };
    let refused = refusal(respond(&scenario, &fake, None, LeakRequest::default()));
    assert!(
        matches!(&refused, LeakRefusal::Unproven { key, .. } if *key == foreign),
        "{refused}"
    );
    assert!(fake.state.borrow().keys[&foreign].active);
}

#[test]
fn a_key_of_another_user_is_refused() {
    let scenario = scenario(ENTRIES[0]);
    let fake = deployed(&scenario);
    let other = fake
        .state
        .borrow_mut()
        .add_key("administrator", Origin::Somebody);
    let request = LeakRequest {
        key: Some(&other),
        ..LeakRequest::default()
    };
    let refused = refusal(respond(&scenario, &fake, None, request));
    assert!(
        matches!(refused, LeakRefusal::NotOfUser { .. }),
        "{refused}"
    );
    changed_nothing(&fake);
}

/// The key is deactivated even if the sessions cannot be denied.
#[test]
fn full_inline_policies_keep_the_sessions_and_are_told() {
    let scenario = scenario(ENTRIES[1]);
    let fake = deployed(&scenario);
    let leaked = key(&fake, CURRENT);
    {
        let mut state = fake.state.borrow_mut();
        state.watch.leaked = Some(leaked.clone());
        let held = ("ada".to_owned(), "long".to_owned());
        state.policy_documents.insert(held, "x".repeat(2_000));
    }
    let request = LeakRequest {
        deny_sessions: true,
        ..LeakRequest::default()
    };
    let ended = respond(&scenario, &fake, None, request).unwrap();
    match ended {
        Err(Error::SessionsNotDenied {
            error, document, ..
        }) => {
            assert_eq!(error.kind, ErrorKind::Limit);
            assert!(DeniedSessions::read(&document).is_some());
        }
        other => panic!("{other:?}"),
    }
    assert!(!fake.state.borrow().keys[&leaked].active);
}

fn report(scenario: &Scenario, fake: &FakeAws) -> LeakReport {
    let ended = scenario.run(fake, None, async |context| {
        let deployed = Deployed::observe(context, &scenario.model).await?;
        let entry = scenario.model.entries[0].as_access_key().unwrap();
        let request = LeakRequest::default();
        let assessment = assess_leak(context, &deployed, entry, request).await?;
        let outcome = LeakOutcome::of(&assessment);
        Ok(investigate_leak(context, &assessment, &outcome).await)
    });
    ended.unwrap().unwrap()
}

#[test]
fn what_is_known_is_reported_and_what_may_not_be_read_is_unknown() {
    const QUARANTINE: &str = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3";
    const ROLE: &str = "arn:aws:iam::111122223333:role/ops";
    let scenario = scenario(ENTRIES[1]);
    let fake = deployed(&scenario);
    let leaked = key(&fake, CURRENT);
    {
        let mut state = fake.state.borrow_mut();
        let at = state.now - SignedDuration::from_hours(1);
        let event = |action: &str, role: Option<&str>| TrailEvent {
            action: action.to_owned(),
            at,
            role: role.map(str::to_owned),
            source_address: Some("192.0.2.1".to_owned()),
            ..TrailEvent::default()
        };
        let events = vec![event("AssumeRole", Some(ROLE)), event("ListBuckets", None)];
        state.trail.insert(leaked.clone(), events);
        let attached = state.attached_policies.entry("ada".to_owned()).or_default();
        attached.insert(QUARANTINE.to_owned());
        let document = r#"{"Statement":[{"Effect":"Deny","Action":["iam:CreateAccessKey"]}]}"#;
        state
            .managed_documents
            .insert(QUARANTINE.to_owned(), document.to_owned());
    }
    let known = report(&scenario, &fake);
    assert_eq!(known.quarantine.policies, [QUARANTINE]);
    assert_eq!(known.quarantine.denied_actions, ["iam:CreateAccessKey"]);
    assert_eq!(known.cloudtrail.regions, ["eu-west-1", "us-east-1"]);
    assert_eq!(known.roles.len(), 1);
    assert_eq!(known.roles[0].role, ROLE);
    assert!(known.roles[0].last_assumed.is_some());
    // One Region that cannot be read does not hide the others.
    fake.state.borrow_mut().denied_regions.insert("eu-west-1");
    let partly = report(&scenario, &fake);
    assert_eq!(partly.cloudtrail.regions, ["us-east-1"]);
    assert_eq!(partly.roles[0].role, ROLE);
    assert!(partly.cloudtrail.unavailable.unwrap().contains("eu-west-1"));
    let unknown = partly.roles_unknown.join("; ");
    assert!(unknown.contains("CloudTrail cannot be read: eu-west-1"));
    assert!(unknown.contains("other Regions than us-east-1"));
    fake.state.borrow_mut().denied_calls.extend([
        "cloudtrail:LookupEvents",
        "iam:ListAttachedUserPolicies",
        "iam:ListUserPolicies",
    ]);
    let unknown = report(&scenario, &fake);
    assert!(unknown.quarantine.unknown.is_some());
    assert!(unknown.cloudtrail.unavailable.is_some());
    assert_eq!(
        unknown.roles_unknown.len(),
        2,
        "{:?}",
        unknown.roles_unknown
    );
}
