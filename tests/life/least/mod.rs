//! Nothing is granted that is not needed: from each command's part of the deployer's policy,
//! every action is removed once, and the command must fail and name it. The same is done with
//! the function's role, where a step of a rotation must fail.
//!
//! `--nocapture` prints what needs each action.

mod database;
mod encrypt;
mod exemption;
mod function;
mod policy;
mod scenario;
mod self_reader;
mod service;
mod state;

use std::collections::BTreeSet;

use exemption::{Exemption, excuses};
pub use policy::Policy;
use scenario::{ExpectedActions, SCENARIOS, Scenario};
use state::{CredentialKind, DATABASE, LARGE, SMALL, prepare};

use crate::environment::{CommandOutput, TestEnvironment, is_in_part};

const DEPLOYER: &str = "deployer";

/// Returns a command's part of a deployer's policy.
pub fn part(policy: &str, part: &str) -> String {
    Policy::read(policy).sufficient(part, "").to_text()
}

/// The result of a command that lacks an action.
enum ResultWithoutAction {
    /// It failed and named the action.
    Named,
    /// It did its work, and warned about what it could not read.
    Warned,
    /// It found that it cannot know whether something is wrong.
    Found,
    /// It continued as if nothing were missing.
    Not(CommandOutput),
}

impl Scenario {
    /// Prepares the account, and runs the command with its whole part.
    async fn base(&self, test: &TestEnvironment) -> Policy {
        let policy = self.ready(test).await;
        // Exempted actions are missing here, so that no exemption is stale.
        let exemption = excuses(self.part).map(|excuse: &Exemption| excuse.action);
        let exemption: Vec<&str> = exemption.collect();
        self.allow(test, &policy.without(&exemption)).await;
        let mut ran = test.keyrota(self.arguments).await;
        if ran.code != Some(self.code) {
            let policy = self.ready(test).await;
            self.allow(test, &policy.without(&exemption)).await;
            ran = test.keyrota(self.arguments).await;
        }
        assert_eq!(ran.code, Some(self.code), "{}: {ran}", self.name);
        policy
    }

    async fn ready(&self, test: &TestEnvironment) -> Policy {
        let policies = prepare(test, self.state).await;
        policies.sufficient(self.part, self.beside)
    }

    async fn allow(&self, test: &TestEnvironment, policy: &Policy) {
        let policy = match self.denied {
            Some(denied) => policy.denying(denied),
            None => policy.clone(),
        };
        test.allow(DEPLOYER, &policy.to_text()).await;
    }

    async fn without(
        &self,
        test: &TestEnvironment,
        policy: &Policy,
        action: &str,
    ) -> ResultWithoutAction {
        self.allow(test, &policy.without(&[action])).await;
        let ran = test.keyrota(self.arguments).await;
        // Secrets Manager does not report which action on a key was refused, and CloudFormation
        // does not report which permission to read a template is missing.
        let names = match (self.part, action) {
            (_, "kms:Decrypt" | "kms:GenerateDataKey") => "Access to KMS is not allowed",
            ("Plan", "s3:GetObjectVersion") => "S3 error: Access Denied",
            // The handler of KMS keys reports no tags if it may not read them.
            ("DetectDrift", "kms:ListResourceTags") => "`/Tags/0` is missing",
            _ => action,
        };
        let said = ran.stdout.contains(names) || ran.stderr.contains(names);
        match ran.code {
            Some(1) if said => ResultWithoutAction::Named,
            // Without it, some difference could go unseen, which is a fault.
            Some(5) if said => ResultWithoutAction::Found,
            Some(code) if said && code == self.code => ResultWithoutAction::Warned,
            _ => ResultWithoutAction::Not(ran),
        }
    }

    /// Removes each action once.
    #[expect(clippy::print_stdout, reason = "the table is what one looks for")]
    async fn check_each_action(&self, test: &TestEnvironment, actions: &[String]) {
        let mut policy = self.base(test).await;
        let mut fresh = false;
        for action in actions {
            if self.anew || !fresh {
                policy = self.ready(test).await;
            }
            fresh = true;
            let mut missed = self.without(test, &policy, action).await;
            if matches!(missed, ResultWithoutAction::Not(_)) {
                // The earlier runs may have left nothing for which the action is needed, or a
                // function may have written to its log in the emptied account.
                policy = self.ready(test).await;
                missed = self.without(test, &policy, action).await;
            }
            let how = match missed {
                ResultWithoutAction::Named => "fails",
                ResultWithoutAction::Warned => "says so",
                ResultWithoutAction::Found => "finds it",
                ResultWithoutAction::Not(ran) => {
                    panic!("{}: nobody misses {action}\n{ran}", self.name)
                }
            };
            println!("{action:<46} {} {how}", self.name);
        }
    }

    /// Returns the actions that this scenario must cover, of those that the command may call.
    fn shows(&self, granted: &BTreeSet<String>, before: &BTreeSet<String>) -> Vec<String> {
        let exemption: BTreeSet<&str> = excuses(self.part).map(|excuse| excuse.action).collect();
        let mine = |action: &&String| match self.shows {
            ExpectedActions::These(actions) => actions.contains(&action.as_str()),
            ExpectedActions::TheRest => {
                let others = SCENARIOS.iter().filter(|other| {
                    other.part == self.part && other.state.kind() == self.state.kind()
                });
                let elsewhere = |other: &Scenario| match other.shows {
                    ExpectedActions::These(actions) => actions.contains(&action.as_str()),
                    ExpectedActions::TheRest => false,
                };
                !others.into_iter().any(elsewhere)
            }
        };
        let open = |action: &&String| !exemption.contains(action.as_str());
        let fresh = granted.difference(before).filter(open).filter(mine);
        let mut shown: Vec<String> = fresh.cloned().collect();
        if let ExpectedActions::These(actions) = self.shows {
            // In the order in which the command needs them.
            shown.sort_by_key(|action| actions.iter().position(|it| it == action));
            assert_eq!(shown.len(), actions.len(), "{}: not granted", self.name);
        }
        shown
    }
}

/// Runs the scenarios with these names, or a share of their actions.
async fn check_each_action(names: &[&str], share: usize, shares: usize) {
    let test = TestEnvironment::new().await;
    for scenario in SCENARIOS.iter().filter(|it| names.contains(&it.name)) {
        let granted = prepare(&test, scenario.state.first()).await;
        let granted = granted.part(scenario.part).actions();
        // The scenario with the small manifest covers what they have in common.
        let before = match scenario.state.kind() {
            CredentialKind::Small | CredentialKind::SelfReader => BTreeSet::new(),
            CredentialKind::Large => prepare(&test, SMALL).await.part(scenario.part).actions(),
            CredentialKind::Database => database::shown_with_keys(&test, scenario.part).await,
        };
        let actions = scenario.shows(&granted, &before);
        let mine = actions.into_iter().enumerate();
        let mine = mine.filter(|(index, _)| index % shares == share && is_in_part(index / shares));
        let mine: Vec<String> = mine.map(|(_, action)| action).collect();
        scenario.check_each_action(&test, &mine).await;
    }
}

#[tokio::test]
async fn each_action_of_bootstrap_is_needed_for_a_new_stack_one_half() {
    check_each_action(&["bootstrap of a new stack"], 0, 2).await;
}

#[tokio::test]
async fn each_action_of_bootstrap_is_needed_for_a_new_stack_other_half() {
    check_each_action(&["bootstrap of a new stack"], 1, 2).await;
}

#[tokio::test]
async fn each_action_of_bootstrap_is_needed_to_change_and_to_roll_back() {
    let names = [
        "bootstrap of a changed stack",
        "bootstrap that would overwrite a value",
        "bootstrap that rolls back",
    ];
    check_each_action(&names, 0, 1).await;
}

#[tokio::test]
async fn each_action_of_teardown_is_needed() {
    let names = [
        "teardown",
        "teardown after the stack",
        "teardown of the rest",
    ];
    check_each_action(&names, 0, 1).await;
}

#[tokio::test]
async fn each_action_of_plan_rotate_and_status_is_needed() {
    let names = [
        "plan of a new stack",
        "plan of a changed stack",
        "plan of a busy stack",
        "status",
        "status of what was left unfinished",
        "status without values",
        "status of what was left unfinished without values",
        "rotate",
        "rotate what was left unfinished",
    ];
    check_each_action(&names, 0, 1).await;
}

#[tokio::test]
async fn each_action_of_doctor_is_needed() {
    let names = [
        "doctor",
        "doctor of what was left unfinished",
        "doctor that repairs",
    ];
    check_each_action(&names, 0, 1).await;
}

#[tokio::test]
async fn each_action_of_a_recovery_is_needed() {
    check_each_action(&["doctor that recovers"], 0, 1).await;
}

#[tokio::test]
async fn each_action_of_a_response_to_a_leaked_key_is_needed() {
    check_each_action(&["response to a leaked key"], 0, 1).await;
}

#[tokio::test]
async fn each_action_of_detecting_drift_is_needed() {
    check_each_action(&["detecting drift"], 0, 1).await;
}

#[tokio::test]
async fn each_action_for_a_large_stack_is_needed() {
    let names = [
        "plan of a large stack",
        "detecting drift of a large stack",
        "bootstrap of a large stack",
        "bootstrap of a changed large stack",
        "bootstrap of a large stack that rolls back",
        "teardown of a large stack",
    ];
    check_each_action(&names, 0, 1).await;
}

#[tokio::test]
async fn each_action_for_a_database_is_needed() {
    let names = [
        "status of a database",
        "status of a database that was left unfinished",
        "status of a database without values",
        "status of a database that was left unfinished without values",
        "rotate a database",
        "rotate a database on request",
        "rotate a database that was left unfinished",
        "doctor of a database",
        "detecting drift of a database",
        "doctor of a database that was left unfinished",
        "doctor that repairs a database",
        "doctor that recovers a database",
        "plan of a database",
        "bootstrap of a database",
        "bootstrap of a database that rolls back",
        "teardown of a database",
    ];
    check_each_action(&names, 0, 1).await;
}

#[tokio::test]
async fn each_action_for_a_created_database_user_is_needed() {
    check_each_action(&["teardown of a database user"], 0, 1).await;
}

/// A scenario covers each action of the policy, or an exemption does.
#[tokio::test]
async fn each_action_is_shown_or_excused() {
    let test = TestEnvironment::new().await;
    let mut anywhere = BTreeSet::new();
    for state in [SMALL, LARGE, DATABASE] {
        let policies = prepare(&test, state).await;
        let large = state == LARGE;
        // The purpose of the large manifest: managed policies, and a template in S3.
        let bootstrap = policies.part("Bootstrap").actions();
        assert_eq!(bootstrap.contains("iam:CreatePolicy"), large);
        let plan = policies.part("Plan").actions();
        assert_eq!(plan.contains("s3:PutObject"), large);
        for part in policy::PARTS {
            let granted = policies.part(part).actions();
            // Without access keys, none can leak.
            let is_empty = part == "RespondToLeak" && granted.is_empty();
            assert_eq!(is_empty, part == "RespondToLeak" && state == DATABASE);
            anywhere.extend(granted.into_iter().map(|action| (part, action)));
            let rest =
                |it: &&Scenario| it.part == part && matches!(it.shows, ExpectedActions::TheRest);
            let catches = SCENARIOS.iter().filter(rest);
            let catches = catches.filter(|it| it.state.kind() == state.kind()).count();
            assert!(large || is_empty || catches == 1, "{part}");
        }
    }
    for part in policy::PARTS {
        for excuse in excuses(part) {
            assert!(
                anywhere.contains(&(part, excuse.action.to_owned())),
                "{part} is not granted {}, which is excused: {}",
                excuse.action,
                excuse.reason
            );
        }
    }
}
