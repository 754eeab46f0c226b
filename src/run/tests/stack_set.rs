//! A stack that a StackSet has created, and the stacks of a StackSet.

use super::super::fake::FakeAws;
use super::super::{Error, Values, locate, stack_set, status};
use super::scenario::Scenario;
use crate::plan::{CallAs, STACK_ID_TAG, State};
use crate::port::StackSetInstance;

const NAME: &str = "StackSet-keys-0a1b2c3d-1111-4222-8333-444455556666";

fn scenario() -> Scenario {
    let entries = "accounts: [{ ou: r-ab12, regions: [eu-west-1] }]\naccess_keys:\n  - user: ada\n";
    Scenario::of(entries, |state| state.add_user("ada"))
}

/// Gives the deployed stack a name that StackSets would give it.
fn rename(fake: &FakeAws) {
    let mut state = fake.state.borrow_mut();
    let index = state.find_stack("keys").unwrap();
    let stack = &mut state.stacks[index];
    let renamed = |id: &str| id.replace("stack/keys/", &format!("stack/{NAME}/"));
    NAME.clone_into(&mut stack.name);
    stack.id = renamed(&stack.id);
    for event in &mut stack.events {
        event.stack_id = renamed(&event.stack_id);
        event.physical_id = renamed(&event.physical_id);
    }
    let id = stack.id.clone();
    for secret in state.secrets.values_mut() {
        secret.tags.insert(STACK_ID_TAG.to_owned(), id.clone());
    }
}

fn located(scenario: &Scenario, fake: &FakeAws) -> Option<String> {
    let model = &scenario.model;
    let found = scenario.run(fake, None, async |context| locate(context, model).await);
    found.unwrap().unwrap()
}

#[test]
fn commands_find_the_stack_of_a_stack_set_and_deploy_nothing() {
    let mut scenario = scenario();
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    // The manifest's own stack has created the secret.
    assert_eq!(located(&scenario, &fake), None);
    rename(&fake);
    assert_eq!(located(&scenario, &fake).as_deref(), Some(NAME));
    scenario.model.deployed_as = Some(NAME.to_owned());
    let report = scenario.run(&fake, None, async |context| {
        status(context, &scenario.model, Values::Read).await
    });
    let report = report.unwrap().unwrap();
    assert_eq!(report.stack.unwrap().name, NAME);
    assert_eq!(report.secrets[0].state, State::Ok);
    fake.log.borrow_mut().clear();
    let done = scenario.bootstrap(&fake, None).unwrap().unwrap();
    assert_eq!(done.deployed.changes, 0);
    let log = fake.log.borrow();
    let deploys = ["cloudformation:CreateChangeSet", "s3:PutObject"];
    assert!(!log.iter().any(|call| deploys.contains(call)), "{log:?}");
}

#[test]
fn a_manifest_without_accounts_has_no_stack_of_a_stack_set() {
    let scenario = Scenario::new("  - user: ada\n", |state| state.add_user("ada"));
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    rename(&fake);
    assert_eq!(located(&scenario, &fake), None);
}

#[test]
fn the_administrator_sees_the_stacks() {
    let scenario = scenario();
    let fake = scenario.fake();
    let report = || {
        scenario.run(&fake, None, async |context| {
            stack_set(context, &scenario.model, CallAs::DelegatedAdministrator).await
        })
    };
    let missing = report().unwrap().unwrap_err();
    assert!(matches!(missing, Error::NoStackSet { name } if name == "keys"));
    let instance = StackSetInstance {
        account: "444455556666".to_owned(),
        region: "eu-west-1".to_owned(),
        status: "CURRENT".to_owned(),
        ..StackSetInstance::default()
    };
    let instances = vec![instance.clone()];
    let mut state = fake.state.borrow_mut();
    state.stack_sets.insert("keys".to_owned(), instances);
    drop(state);
    let found = report().unwrap().unwrap();
    assert_eq!(found.instances, [instance]);
    assert_eq!(found.awaiting_bootstrap, ["keys/ada"]);
    assert!(found.is_fine());
}
