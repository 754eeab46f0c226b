//! What the manifest names is looked up before a deployment.

use super::super::fake::{ACCOUNT, AwsState, FakeAws};
use super::super::{Context, Error, preflight};
use super::scenario::{Scenario, explore, tell};
use crate::plan::Preflight;
use crate::port::Event;
use crate::render::OWN_KEYS_POLICY;
use crate::tool::testing::Recorder;

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789";

/// Two entries that name all that access keys can name, and the same reader.
fn scenario(prepare: impl FnOnce(&mut AwsState)) -> Scenario {
    let entries = format!(
        "permissions_boundary: 'arn:aws:iam::{ACCOUNT}:policy/boundary'\n\
         defaults: {{ readers: ['arn:aws:iam::{ACCOUNT}:role/app', 'arn:aws:iam::{ACCOUNT}:user/reporter'] }}\n\
         access_keys:\n\
         \x20 - {{ user: ada, kms_key: '{KEY}' }}\n\
         \x20 - {{ user: bob, kms_key: create }}\n"
    );
    Scenario::of(&entries, |state| {
        let boundary = format!("arn:aws:iam::{ACCOUNT}:policy/boundary");
        for user in ["ada", "bob", "reporter"] {
            state.add_user(user);
            let bounded = (user.to_owned(), boundary.clone());
            state.boundaries.extend([bounded]);
        }
        state
            .roles
            .insert(format!("arn:aws:iam::{ACCOUNT}:role/app"));
        state.policies.insert(boundary);
        state.kms_keys.insert(KEY.to_owned(), "Enabled".to_owned());
        prepare(state);
    })
}

/// Returns the kinds of findings with which a bootstrap is refused.
fn refusal(scenario: &Scenario) -> Vec<&'static str> {
    let fake = scenario.fake();
    let Some(Err(Error::Refused(findings))) = scenario.bootstrap(&fake, None) else {
        panic!("it was not refused");
    };
    assert!(
        !fake
            .log
            .borrow()
            .contains(&"cloudformation:CreateChangeSet")
    );
    findings.iter().map(|finding| finding.kind).collect()
}

#[test]
fn each_thing_is_looked_up_once_and_not_again_when_the_stack_has_it() {
    let scenario = scenario(|_| {});
    let fake = scenario.fake();
    let calls = |call: &str| fake.log.borrow().iter().filter(|it| **it == call).count();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    for call in [
        "iam:GetRole",
        "iam:GetPolicy",
        "kms:ListAliases",
        "logs:DescribeLogGroups",
    ] {
        assert_eq!(calls(call), 1, "{call}");
    }
    assert_eq!(calls("iam:GetUserPolicy"), 2);
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    assert_eq!(calls("iam:GetRole"), 1);
    // CloudFormation detects no drift of aliases, and of the keys of log groups, so these are looked at
    // once.
    for call in ["kms:ListAliases", "logs:DescribeLogGroups"] {
        assert_eq!(calls(call), 1, "{call}");
    }
    assert_eq!(calls("iam:GetUserPolicy"), 0);
}

#[test]
fn what_is_looked_up_survives_every_fault() {
    let scenario = scenario(|_| {});
    let explored = explore(
        || scenario.fake(),
        |fake, fault| scenario.bootstrap(fake, fault),
        |_, _| {},
    );
    tell("bootstrap, with all that a manifest can name", explored);
}

#[test]
fn what_is_missing_or_in_the_way_is_refused_before_anything_changes() {
    let lacking = scenario(|state| {
        state.roles.clear();
        state.policies.clear();
        state.users.remove("reporter");
    });
    assert_eq!(refusal(&lacking), ["no-reader", "no-reader", "no-boundary"]);
    let taken = scenario(|state| {
        state.logs.insert("/keyrota/keys".to_owned(), Vec::new());
        state.aliases.insert("alias/keyrota-keys".to_owned());
        let policy = ("ada".to_owned(), OWN_KEYS_POLICY.to_owned());
        state.user_policies.insert(policy);
    });
    assert_eq!(
        refusal(&taken),
        ["log-group-exists", "alias-exists", "user-policy-exists"]
    );
    let unbounded = scenario(|state| {
        state.boundaries.remove("ada");
    });
    assert_eq!(refusal(&unbounded), ["no-user-boundary"]);
}

const NETWORK: &str = "\
network: { subnets: [subnet-1a1a1a1a], security_groups: [sg-1a1a1a1a] }
databases:
  - { secret: prod/orders, engine: postgres, host: db.internal, username: app }
";

#[test]
fn a_network_that_does_not_exist_is_refused() {
    let there = Scenario::of(NETWORK, |state| {
        state.add_server("db.internal:5432", "app", "hush-first");
        state
            .subnets
            .insert("subnet-1a1a1a1a".into(), "vpc-1".into());
        state
            .security_groups
            .insert("sg-1a1a1a1a".into(), "vpc-1".into());
    });
    let cleared = |scenario: &Scenario| {
        let fake = scenario.fake();
        scenario.run(&fake, None, async |context: &Context<'_>| {
            preflight(context, &scenario.model, Preflight { rotates: true })
                .await
                .map(drop)
        })
    };
    cleared(&there).unwrap().unwrap();
    let mut other = there;
    other.state.subnets.clear();
    other.state.security_groups.clear();
    assert_eq!(refusal(&other), ["no-network", "no-network"]);
}

#[test]
fn a_denied_look_up_is_a_warning_and_the_bootstrap_ends_well() {
    const DENIED: [&str; 6] = [
        "iam:GetPolicy",
        "iam:GetRole",
        "iam:GetUserPolicy",
        "kms:DescribeKey",
        "kms:ListAliases",
        "logs:DescribeLogGroups",
    ];
    let scenario = scenario(|state| state.denied_calls.extend(DENIED));
    let fake: FakeAws = scenario.fake();
    let listener = Recorder::default();
    let outcome = scenario.run(&fake, None, async |context: &Context<'_>| {
        let context = Context {
            listener: &listener,
            ..*context
        };
        preflight(&context, &scenario.model, Preflight { rotates: true })
            .await
            .map(drop)
    });
    outcome.unwrap().unwrap();
    let warnings = listener
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Warning(text) => Some(text),
            _ => None,
        });
    let warnings: Vec<String> = warnings.collect();
    assert_eq!(warnings.len(), DENIED.len(), "{warnings:?}");
    for call in DENIED {
        assert!(
            warnings.iter().any(|warning| warning.contains(call)),
            "{call}: {warnings:?}"
        );
    }
    scenario.bootstrap(&fake, None).unwrap().unwrap();
}
