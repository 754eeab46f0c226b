//! The order in which CloudFormation deletes a function in a VPC and its role.

use super::{BOTH, DATABASES};
use crate::model;
use crate::render::check::template::{Resource, Template};
use crate::render::resolve::{items, literal};
use crate::render::tests::{shards, templates};
use crate::render::tree::{self, Value};
use crate::render::view;

fn text(manifest: &str) -> String {
    let [shard] = shards(model::load(manifest, None).unwrap().model);
    let context = view::stack(&shard.model).unwrap();
    templates().stack(context).unwrap()
}

/// Returns whether a policy allows an action.
fn allows(policy: &Resource<'_>, action: &str) -> bool {
    let document = policy.get("PolicyDocument");
    let mut statements = items(document.and_then(|document| document.get("Statement")));
    statements.any(|statement| {
        statement.get("Effect").and_then(literal) == Some("Allow")
            && items(statement.get("Action")).any(|one| literal(one) == Some(action))
    })
}

/// Returns the IDs of the resources that a resource depends on. CloudFormation deletes them after
/// it.
fn dependencies<'tree>(template: &Template<'tree>, id: &'tree str) -> Vec<&'tree str> {
    let mut found = vec![id];
    let mut next = 0;
    while let Some(&from) = found.get(next) {
        let references = template.references.iter();
        let targets = references.filter(|one| one.within.is_some() && one.from.id == from);
        for reference in targets.filter(|one| one.to.is_some()) {
            if !found.contains(&reference.target) {
                found.push(reference.target);
            }
        }
        next += 1;
    }
    found.split_off(1)
}

/// Lambda deletes the network interfaces with the role's permissions when the function is deleted.
#[test]
fn a_function_in_a_vpc_is_deleted_before_its_role_and_the_policy_for_its_interfaces() {
    for manifest in [DATABASES, BOTH] {
        let tree: Value = tree::read(&text(manifest)).unwrap();
        let template = Template::new(&tree);
        let function = template
            .resources
            .iter()
            .find(|resource| resource.get("VpcConfig").is_some())
            .unwrap();
        let policies = template.resources.iter();
        let policies: Vec<&str> = policies
            .filter(|policy| allows(policy, "ec2:DeleteNetworkInterface"))
            .map(|policy| policy.id)
            .collect();
        assert_eq!(policies.len(), 1, "{policies:?}");
        let later = dependencies(&template, function.id);
        assert!(later.contains(&policies[0]), "{later:?}");
        assert!(later.contains(&"DatabaseFunctionRole"), "{later:?}");
        // The policy is deleted before the role.
        assert!(dependencies(&template, policies[0]).contains(&"DatabaseFunctionRole"));
    }
}
