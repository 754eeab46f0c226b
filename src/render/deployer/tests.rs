//! Properties of the policy for every manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::iam::BOUNDABLE;
use super::{Command, parts, policy};
use crate::model;
use crate::render::fleet::single;
use crate::render::policy::Policy;
use crate::render::quota::{MAX_ATTACHED, MAX_MANAGED};
use crate::render::{Templates, render_stack};

/// What the statements allow: each action on each resource of its service, with the condition.
type Allowed = BTreeSet<(String, String, String)>;

fn allowed(policy: &Policy) -> Allowed {
    let mut allowed = BTreeSet::new();
    for statement in policy.statements() {
        let condition = statement.condition().map(ToString::to_string);
        for action in statement.actions() {
            let service = action.split(':').next();
            for resource in statement.resources() {
                let known = resource.replace("${AWS::Partition}", "aws");
                if resource == "*" || known.split(':').nth(2) == service {
                    let condition = condition.clone().unwrap_or_default();
                    allowed.insert((action.clone(), resource.clone(), condition));
                }
            }
        }
    }
    allowed
}

fn of(manifest: &str) -> Policy {
    let shard = single(model::load(manifest, None).unwrap().model);
    let templates = Templates::built_in().unwrap();
    policy(&render_stack(&templates, &shard).unwrap().0)
}

/// Returns a manifest with this number of users of every kind. `place` says whether it names
/// the account and the Region.
fn manifest(users: usize, place: bool) -> String {
    let place = match place {
        true => "account: \"111122223333\"\nregion: ap-northeast-2\n",
        false => "",
    };
    let mut text = format!("version: 1\nstack: payments-keys\n{place}")
        + "alarms: { email: [ops@example.com] }\naccess_keys:\n";
    for user in 0..users {
        let rotate_as = ["self", "role", "ops/administrator"][user % 3];
        let made = user % 2 == 0;
        let key = ["create", "aws/secretsmanager"][user % 2];
        writeln!(
            text,
            "  - {{ user: service-{user:03}, secret: prod/service-{user:03}, \
             rotate_as: {rotate_as}, create_user: {made}, kms_key: {key} }}"
        )
        .unwrap();
    }
    text
}

#[test]
fn parts_allow_what_the_whole_allows_and_fit_into_iam() {
    let places = [true, false].into_iter();
    for (place, users) in places.flat_map(|place| [1, 3, 10, 50, 150].map(|users| (place, users))) {
        let whole = &of(&manifest(users, place));
        let parts = parts(whole);
        println!(
            "{users} users: {} characters, {} statements, {} parts",
            whole.size(),
            whole.statements().len(),
            parts.len()
        );
        for command in Command::ALL {
            let mine = whole.statements().iter();
            let mine = mine.filter(|it| Command::of(it.sid()) == Some(command));
            let size = Policy::new(mine.cloned().collect()).size();
            println!("  {}: {size} characters", command.name());
        }
        assert_eq!(parts.is_empty(), whole.size() <= MAX_MANAGED);
        let mut together = BTreeSet::new();
        let mut roles: BTreeMap<&str, usize> = BTreeMap::new();
        for part in &parts {
            assert!(part.size() <= MAX_MANAGED, "{}", part.size());
            let sids: BTreeSet<&str> = part.statements().iter().map(|it| it.sid()).collect();
            assert_eq!(sids.len(), part.statements().len(), "a Sid is there twice");
            together.extend(allowed(part));
            let owner = |sid: &&str| Command::of(sid).unwrap().name();
            let owners: BTreeSet<&str> = sids.iter().map(owner).collect();
            assert!(
                parts.len() <= MAX_ATTACHED || owners.len() == 1,
                "{owners:?}"
            );
            for owner in owners {
                *roles.entry(owner).or_default() += 1;
            }
        }
        println!("  parts of a command: {roles:?}");
        // Placeholders are longer than the values that replace them.
        assert!(
            !place || roles.values().all(|count| *count <= MAX_ATTACHED),
            "{roles:?}"
        );
        if !parts.is_empty() {
            assert_eq!(together, allowed(whole));
        }
    }
}

#[test]
fn each_statement_belongs_to_one_command() {
    let whole = &of(&manifest(6, true));
    for command in Command::COMMANDS {
        let mine = |sid: &str| Command::of(sid) == Some(command);
        let statements = whole.statements().iter().filter(|it| mine(it.sid()));
        let actions: BTreeSet<&String> = statements.flat_map(|it| it.actions()).collect();
        let is_whole = Command::COMMANDS.contains(&command);
        let observes = actions.contains(&"cloudformation:DescribeStacks".to_owned());
        assert_eq!(observes, is_whole, "{command:?}");
        // A pipeline that runs the other commands every night cannot create keys.
        let creates = actions.contains(&"iam:CreateAccessKey".to_owned());
        let may_create = matches!(
            command,
            Command::Bootstrap | Command::Recover | Command::RespondToLeak
        );
        assert_eq!(creates, may_create, "{command:?}");
    }
    let mut sids: Vec<&str> = whole.statements().iter().map(|it| it.sid()).collect();
    for sid in &sids {
        assert!(Command::of(sid).is_some(), "{sid}");
        assert!(sid.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
    let all = sids.len();
    sids.sort_unstable();
    sids.dedup();
    assert_eq!(sids.len(), all, "a Sid is there twice");
}

/// A principal that only reads cannot change anything, and a principal that rotates cannot
/// deploy.
#[test]
fn a_command_may_do_what_it_needs_and_no_more() {
    let whole = &of(&manifest(6, true));
    let actions = |command: Command| -> BTreeSet<&str> {
        let mine = |sid: &str| Command::of(sid) == Some(command);
        let statements = whole.statements().iter().filter(|it| mine(it.sid()));
        statements
            .flat_map(|it| it.actions())
            .map(String::as_str)
            .collect()
    };
    insta::assert_debug_snapshot!("status", actions(Command::Status));
    let without = actions(Command::StatusWithoutValues);
    insta::assert_debug_snapshot!("status_without_values", without);
    let names = |action: &&str| action.starts_with("kms:") || action.ends_with("SecretValue");
    assert!(!without.iter().any(names), "{without:?}");
    insta::assert_debug_snapshot!("rotate", actions(Command::Rotate));
    insta::assert_debug_snapshot!("plan", actions(Command::Plan));
}

/// The permissions for databases in the deployer's policy. Without access keys, the policy
/// contains none of their permissions.
#[test]
fn databases_take_no_users_and_the_network_only_where_there_is_one() {
    let with = include_str!("../../../examples/databases.yaml");
    let without = with.split("network:").next().unwrap();
    let allowed_of = |text: &str| -> BTreeSet<String> {
        let all = allowed(&of(text));
        all.into_iter()
            .map(|(action, resource, _)| format!("{action} {resource}"))
            .collect()
    };
    let (with, without) = (allowed_of(with), allowed_of(without));
    let network: Vec<&String> = with.difference(&without).collect();
    assert_eq!(
        network,
        [
            "ec2:DescribeNetworkInterfaces *",
            "ec2:DescribeSecurityGroups *",
            "ec2:DescribeSubnets *",
            "ec2:DescribeVpcs *",
        ]
    );
    assert!(
        !with
            .iter()
            .any(|it| it.contains("User") || it.contains("AccessKey"))
    );
    let first = "secretsmanager:GetSecretValue arn:aws:secretsmanager:ap-northeast-2:111122223333:secret:ops/shop-first-password-??????";
    assert!(with.contains(first));
    let administrator = "secretsmanager:GetSecretValue arn:aws:secretsmanager:ap-northeast-2:111122223333:secret:ops/wiki-administrator-??????";
    assert!(!with.contains(administrator));
    assert!(with.contains(&administrator.replace("GetSecretValue", "DescribeSecret")));
}

/// Every wildcard has a reason beside its grant, and so must every new one.
#[test]
fn wildcards_are_known() {
    let whole = &of(&manifest(6, true));
    let wide: BTreeSet<String> = allowed(whole)
        .into_iter()
        .filter(|(_, resource, _)| {
            resource == "*" || resource.ends_with("/*") || resource.ends_with(":*")
        })
        .map(|(action, resource, condition)| {
            let under = match condition.is_empty() {
                true => "",
                false => " under a condition",
            };
            format!("{action} on {resource}{under}")
        })
        .filter(|it| !it.starts_with("cloudformation:") && !it.starts_with("s3:"))
        .collect();
    insta::assert_debug_snapshot!("wildcards", wide);
}

#[test]
fn with_a_boundary_each_action_that_supports_the_condition_has_it() {
    let boundary = "arn:aws:iam::111122223333:policy/boundary";
    // Enough users for managed policies, which are attached to the role.
    let mut large = manifest(150, true).replacen(
        "access_keys:",
        &format!("permissions_boundary: {boundary}\naccess_keys:"),
        1,
    );
    large += "  - { user: made, create_user: true }\n";
    let mut seen = BTreeSet::new();
    for statement in of(&large).statements() {
        let actions = statement.actions().iter();
        let boundable: Vec<&String> = actions
            .filter(|action| BOUNDABLE.contains(&action.as_str()))
            .collect();
        if boundable.is_empty() {
            continue;
        }
        let condition = statement.condition().expect("a condition");
        assert_eq!(condition["ArnEquals"]["iam:PermissionsBoundary"], boundary);
        // The statement is its own, because other actions do not support the condition.
        assert_eq!(boundable.len(), statement.actions().len());
        seen.extend(boundable.into_iter().cloned());
    }
    let all: BTreeSet<String> = BOUNDABLE.into_iter().map(str::to_owned).collect();
    assert_eq!(seen, all);
}

/// What `plan` looks up before a deployment: only what the manifest names, and nothing that
/// only another account knows.
#[test]
fn only_what_the_manifest_names_may_be_looked_up() {
    const HEAD: &str = "version: 1\nstack: keys\naccount: '111122223333'\nregion: eu-west-1\n";
    let planned = |manifest: &str| -> BTreeSet<String> {
        let whole = of(&format!("{HEAD}{manifest}"));
        let mine = whole.statements().iter();
        let mine = mine.filter(|it| Command::of(it.sid()) == Some(Command::Plan));
        let mut allowed = BTreeSet::new();
        for statement in mine {
            for action in statement.actions() {
                let resources = statement.resources().iter();
                allowed.extend(resources.map(|resource| format!("{action} {resource}")));
            }
        }
        allowed
    };
    let without = planned("access_keys: [{ user: ada, rotate_as: role }]\n");
    for action in ["iam:GetRole", "iam:GetPolicy", "kms:ListAliases", "ec2:"] {
        assert!(!without.iter().any(|it| it.starts_with(action)), "{action}");
    }
    let with = planned(
        "permissions_boundary: 'arn:aws:iam::111122223333:policy/boundary'\n\
         access_keys:\n\
         \x20 - user: ada\n\
         \x20   kms_key: create\n\
         \x20   readers: ['arn:aws:iam::111122223333:role/apps/app', 'arn:aws:iam::111122223333:user/bob', \
         'arn:aws:iam::111122223333:root', 'arn:aws:iam::999900001111:role/app']\n",
    );
    for allowed in [
        "iam:GetPolicy arn:aws:iam::111122223333:policy/boundary",
        "iam:GetRole arn:aws:iam::111122223333:role/apps/app",
        "iam:GetUser arn:aws:iam::111122223333:user/bob",
        "iam:GetUserPolicy arn:aws:iam::111122223333:user/ada",
        "kms:ListAliases *",
        "logs:DescribeLogGroups *",
    ] {
        assert!(with.contains(allowed), "{allowed}: {with:#?}");
    }
    assert!(!with.contains("iam:ListAccessKeys arn:aws:iam::111122223333:user/bob"));
    assert!(!with.iter().any(|it| it.contains("999900001111")));
}

/// A KMS key that the stack creates only for its logs is repaired too.
#[test]
fn each_key_that_the_stack_creates_can_be_enabled_again() {
    let entry = "access_keys: [{ user: ada }]\n";
    for encrypt in ["logs", "environment", "topic"] {
        let policy = of(&format!(
            "version: 1\nstack: keys\nencrypt: {{ {encrypt}: create }}\n{entry}"
        ));
        for wanted in ["kms:EnableKey", "kms:CancelKeyDeletion"] {
            let mut statements = policy.statements().iter();
            let own = statements.find(|it| it.actions().iter().any(|action| action == wanted));
            let own = own.unwrap_or_else(|| panic!("{encrypt}: {wanted}"));
            assert_eq!(Command::of(own.sid()), Some(Command::Bootstrap));
            let condition = own.condition().unwrap().to_string();
            assert!(condition.contains("aws:ResourceTag/"), "{condition}");
        }
    }
    let without = of(&format!("version: 1\nstack: keys\n{entry}"));
    let mut statements = without.statements().iter();
    assert!(statements.all(|it| !it.actions().iter().any(|action| action == "kms:EnableKey")));
}
