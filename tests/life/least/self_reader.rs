//! A stack with one access key whose user reads its own secret, and which the function's role
//! rotates. Without `readers`, such a stack has no policy of the user, and its commands need no
//! permission on one.

use std::collections::BTreeSet;

use super::policy::DRIFT;
use super::scenario::{BOOTSTRAP, ExpectedActions, PLAN, Scenario, TEARDOWN, scenario};
use super::state::{STACK, State, prepare as prepare_state};
use crate::environment::{ACCOUNT, REGION, TestEnvironment, is_in_part};

/// The state of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is deployed, and nothing reads its own secret.
    Without,
    New,
    Deployed,
    /// Deployed without `readers`, which the manifest has since.
    Changed,
}

const NEW: State = State::SelfReader(Stage::New);
const DEPLOYED: State = State::SelfReader(Stage::Deployed);
const CHANGED: State = State::SelfReader(Stage::Changed);

/// What the commands need in addition to a stack without `readers`.
const SCENARIOS: [Scenario; 5] = [
    scenario(
        "plan of a user that begins to read its own secret",
        "Plan",
        PLAN,
        CHANGED,
        ExpectedActions::These(&["iam:GetUserPolicy"]),
    ),
    Scenario {
        anew: true,
        ..scenario(
            "bootstrap of a user that begins to read its own secret",
            "Bootstrap",
            BOOTSTRAP,
            CHANGED,
            ExpectedActions::These(&["iam:GetUserPolicy", "iam:PutUserPolicy"]),
        )
    },
    Scenario {
        code: 1,
        denied: Some(("secretsmanager:RotateSecret", "*")),
        anew: true,
        ..scenario(
            "bootstrap of a user that reads its own secret, and rolls back",
            "Bootstrap",
            BOOTSTRAP,
            NEW,
            ExpectedActions::These(&["iam:DeleteUserPolicy"]),
        )
    },
    Scenario {
        beside: "Doctor",
        ..scenario(
            "detecting drift of a user that reads its own secret",
            DRIFT,
            "doctor --format json",
            DEPLOYED,
            ExpectedActions::These(&["iam:GetUserPolicy"]),
        )
    },
    Scenario {
        anew: true,
        ..scenario(
            "teardown of a user that reads its own secret",
            "Teardown",
            TEARDOWN,
            DEPLOYED,
            ExpectedActions::These(&["iam:DeleteUserPolicy", "iam:GetUserPolicy"]),
        )
    },
];

/// Creates the state in an empty account, as root.
pub async fn prepare(test: &TestEnvironment, stage: Stage) {
    test.make_user("mailer").await;
    let manifest = |readers: &str| {
        test.manifest(&format!(
            "version: 1\nstack: {STACK}\naccount: \"{ACCOUNT}\"\nregion: {REGION}\n\
             access_keys:\n\
             \x20 - {{ user: mailer, secret: prod/mailer, rotate_as: role{readers} }}\n"
        ));
    };
    manifest(match stage {
        Stage::Without | Stage::Changed => "",
        Stage::New | Stage::Deployed => ", readers: [self]",
    });
    if matches!(stage, Stage::Deployed | Stage::Changed) {
        test.keyrota(BOOTSTRAP).await.exits(0);
    }
    if stage == Stage::Changed {
        manifest(", readers: [self]");
    }
}

#[tokio::test]
async fn each_action_for_a_user_that_reads_its_own_secret_is_needed() {
    let test = TestEnvironment::new().await;
    let granted = prepare_state(&test, NEW).await;
    for scenario in &SCENARIOS {
        let granted = granted.part(scenario.part).actions();
        let actions = scenario.shows(&granted, &BTreeSet::new());
        let mine = actions.into_iter().enumerate();
        let mine = mine.filter(|(index, _)| is_in_part(*index));
        let mine: Vec<String> = mine.map(|(_, action)| action).collect();
        scenario.check_each_action(&test, &mine).await;
    }
}

/// A scenario covers each action that `readers: [self]` adds.
#[tokio::test]
async fn each_action_for_a_user_that_reads_its_own_secret_is_shown() {
    let test = TestEnvironment::new().await;
    let without = prepare_state(&test, State::SelfReader(Stage::Without)).await;
    let with = prepare_state(&test, NEW).await;
    for part in super::policy::PARTS {
        let without = without.part(part).actions();
        let mut added = with.part(part).actions();
        added.retain(|action| !without.contains(action));
        let shown = SCENARIOS.iter().filter(|scenario| scenario.part == part);
        let shown = shown.flat_map(|scenario| match scenario.shows {
            ExpectedActions::These(actions) => actions,
            ExpectedActions::TheRest => &[],
        });
        let shown: BTreeSet<String> = shown.map(|action| (*action).to_owned()).collect();
        assert_eq!(added, shown, "{part}");
    }
}
