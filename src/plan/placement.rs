//! Checks that no secret would move from one stack to another.

use std::collections::BTreeMap;

use crate::model::{Finding, Model};
use crate::port::StackResource;
use crate::render;

/// Returns a finding for each entry whose secret is in a stack other than the entry's. A deployment
/// would delete the secret there, and could not create it here.
///
/// This happens if the record of stacks was lost, or if the manifest outgrew one stack on a machine
/// that did not know which entries were deployed.
pub fn check_placement(stacks: &[(&Model, &[StackResource])]) -> Vec<Finding> {
    let mut deployed = BTreeMap::new();
    for (model, resources) in stacks {
        let secrets = resources.iter().filter(|resource| {
            resource.kind == "AWS::SecretsManager::Secret"
                && !resource.status.starts_with("DELETE_C")
        });
        deployed.extend(secrets.map(|secret| (secret.logical_id.as_str(), &model.stack)));
    }
    let mut findings = Vec::new();
    for (model, _) in stacks {
        for entry in &model.entries {
            let id = render::secret_logical_id(entry);
            if let Some(stack) = deployed.get(id.as_str())
                && **stack != model.stack
            {
                let message = format!(
                    "the secret {} is in the stack {stack}, but the record places it in {}",
                    entry.secret, model.stack
                );
                findings.push(Finding::error("moved", entry.secret.as_str(), message).hint(
                    "restore the record of the stacks beside the manifest, or correct the number of the secret in it",
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;

    fn model(stack: &str, user: &str) -> Model {
        let text = format!(
            "version: 1\nstack: {stack}\naccess_keys:\n  - {{ user: {user}, secret: prod/{user} }}\n"
        );
        model::load(&text, None).unwrap().model
    }

    fn secret(model: &Model, status: &str) -> StackResource {
        StackResource {
            logical_id: render::secret_logical_id(&model.entries[0]),
            physical_id: "arn".to_owned(),
            kind: "AWS::SecretsManager::Secret".to_owned(),
            status: status.to_owned(),
        }
    }

    #[test]
    fn a_secret_of_another_stack_is_found() {
        let (first, second) = (model("keys", "ada"), model("keys-001", "bob"));
        let ada = [secret(&first, "CREATE_COMPLETE")];
        let bob = [secret(&second, "CREATE_COMPLETE")];
        let both = [ada.clone(), bob.clone()].concat();
        let check = |first_has: &[StackResource], second_has: &[StackResource]| {
            let findings = check_placement(&[(&first, first_has), (&second, second_has)]);
            findings
                .into_iter()
                .map(|finding| finding.path)
                .collect::<Vec<_>>()
        };
        assert!(check(&[], &[]).is_empty());
        assert!(check(&ada, &bob).is_empty());
        assert_eq!(check(&both, &[]), ["prod/bob"]);
        assert_eq!(check(&bob, &ada), ["prod/ada", "prod/bob"]);
        assert!(check(&[secret(&second, "DELETE_COMPLETE")], &bob).is_empty());
    }

    #[test]
    fn a_database_of_another_stack_is_found() {
        let database = |stack: &str| {
            let text = format!(
                "version: 1\nstack: {stack}\ndatabases:\n  - {{ secret: prod/db, engine: mysql, host: db, username: app }}\n"
            );
            model::load(&text, None).unwrap().model
        };
        let (first, second) = (database("keys"), database("keys-001"));
        let held = [secret(&second, "CREATE_COMPLETE")];
        assert_eq!(check_placement(&[(&second, &held)]), []);
        let findings = check_placement(&[(&first, &[]), (&second, &held)]);
        assert_eq!(findings[0].path, "prod/db");
    }
}
