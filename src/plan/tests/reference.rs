//! What the manifest names beside the entries' own credentials, as it may be found.

use std::collections::BTreeSet;

use super::super::{
    Administrator, Lookup, Observed, ObservedEntry, ObservedNetwork, Preflight, Reference, check,
    check_network, check_references, references,
};
use super::sample::{NOW, at, entry, observed_of, resource};
use crate::model::{self, Arn, Finding, Model, ReferencedName, SecretReference};
use crate::port::{Error, ErrorKind, NetworkPart};

const ACCOUNT: &str = "111122223333";
const BOUNDARY: &str = "arn:aws:iam::111122223333:policy/boundary";

fn load(manifest: &str) -> Model {
    let text = format!("version: 1\nstack: keys\naccount: '{ACCOUNT}'\n{manifest}");
    model::load(&text, None).unwrap().model
}

/// Returns what was seen of an account that has only the user, with resources of the stack.
fn seen(resources: &[(&str, &str)]) -> Observed<'static> {
    let whole = super::sample::observed(entry());
    let resources = resources.iter().map(|(kind, id)| resource(kind, id));
    Observed {
        resources: resources.collect(),
        entries: Vec::new(),
        ..whole
    }
}

fn wanted(manifest: &str, resources: &[(&str, &str)]) -> BTreeSet<Reference> {
    let model = load(manifest);
    references(&model, &seen(resources))
}

fn denied(call: &'static str) -> Error {
    Error {
        call,
        kind: ErrorKind::Denied,
        code: Some("AccessDenied".to_owned()),
        message: "no".to_owned(),
    }
}

/// Returns what is found, as `KIND PATH`, of one thing that was looked up.
fn found(reference: Reference, lookup: Lookup<String>) -> Vec<String> {
    let model = load("access_keys: [{ user: ada }]\n");
    let findings = check_references(&model, &seen(&[]), &[(reference, lookup)]);
    told(&findings)
}

fn told(findings: &[Finding]) -> Vec<String> {
    let told = |it: &Finding| format!("{} {}", it.kind, it.path);
    findings.iter().map(told).collect()
}

#[test]
fn each_thing_is_looked_up_once_and_nothing_of_another_account() {
    let readers = "['arn:aws:iam::111122223333:role/apps/app', 'arn:aws:iam::111122223333:user/bob', \
        'arn:aws:iam::111122223333:user/ci/made', 'arn:aws:iam::111122223333:user/made', 'arn:aws:iam::111122223333:root', \
        'arn:aws:iam::999900001111:role/app']";
    let manifest = format!(
        "permissions_boundary: '{BOUNDARY}'\n\
         defaults: {{ readers: {readers}, kms_key: create }}\n\
         access_keys: [{{ user: ada }}, {{ user: made, path: /ci/, create_user: true }}, {{ user: zoe, rotate_as: role }}]\n"
    );
    let policy = Reference::UserPolicy("ada".to_owned());
    let log_group = Reference::LogGroup("/keyrota/keys".to_owned());
    let alias = Reference::Alias("alias/keyrota-keys".to_owned());
    let named = BTreeSet::from([
        Reference::ReadingRole("arn:aws:iam::111122223333:role/apps/app".to_owned()),
        Reference::ReadingUser("arn:aws:iam::111122223333:user/bob".to_owned()),
        // The stack creates the user with another path.
        Reference::ReadingUser("arn:aws:iam::111122223333:user/made".to_owned()),
        Reference::Boundary(BOUNDARY.to_owned()),
    ]);
    let in_the_way = BTreeSet::from([policy, log_group, alias]);
    assert_eq!(wanted(&manifest, &[]), &named | &in_the_way);

    // What the stack has created is not in its way. The sample's logical IDs are the types.
    let model = load(&manifest);
    let mut ours = seen(&[
        ("AWS::Logs::LogGroup", "/keyrota/keys"),
        ("AWS::KMS::Alias", "alias/keyrota-keys"),
        ("AWS::IAM::UserPolicy", "generated"),
    ]);
    let key = model.access_keys().next().unwrap();
    ours.resources[2].logical_id = crate::render::user_policy_logical_id(key.kind);
    assert_eq!(references(&model, &ours), named);
    // Neither is what it could not create, or has deleted, its own.
    for status in ["CREATE_FAILED", "DELETE_COMPLETE"] {
        for resource in &mut ours.resources {
            status.clone_into(&mut resource.status);
        }
        assert_eq!(references(&model, &ours).len(), 7, "{status}");
    }
}

#[test]
fn a_manifest_that_names_nothing_asks_for_what_is_in_the_way_only() {
    let databases =
        "databases: [{ secret: a, engine: postgres, host: h, username: u, tls: require }]\n";
    assert_eq!(
        wanted(databases, &[]),
        BTreeSet::from([Reference::LogGroup("/keyrota/keys/database".to_owned())])
    );
}

#[test]
fn what_must_exist_and_what_must_not() {
    let there = || Lookup::Found("there".to_owned());
    for (reference, good, bad, finding) in [
        (
            Reference::ReadingRole("there".to_owned()),
            there(),
            Lookup::Missing,
            "no-reader reader there",
        ),
        (
            Reference::ReadingRole("there".to_owned()),
            there(),
            Lookup::Found("below/there".to_owned()),
            "no-reader reader there",
        ),
        (
            Reference::ReadingUser("there".to_owned()),
            there(),
            Lookup::Missing,
            "no-reader reader there",
        ),
        (
            Reference::Boundary("there".to_owned()),
            there(),
            Lookup::Missing,
            "no-boundary permissions_boundary there",
        ),
        (
            Reference::LogGroup("there".to_owned()),
            Lookup::Missing,
            there(),
            "log-group-exists log group there",
        ),
        (
            Reference::Alias("there".to_owned()),
            Lookup::Missing,
            there(),
            "alias-exists KMS alias there",
        ),
        (
            Reference::UserPolicy("there".to_owned()),
            Lookup::Missing,
            there(),
            "user-policy-exists user there",
        ),
    ] {
        assert_eq!(found(reference.clone(), good), [""; 0]);
        assert_eq!(found(reference.clone(), bad), [finding]);
        let unknown = found(reference, Lookup::Denied(denied("iam:GetRole")));
        assert_eq!(unknown, ["not-looked-up iam:GetRole"]);
    }
}

#[test]
fn another_name_is_a_way_on_only_for_a_stack_that_is_not_deployed() {
    let model = load("access_keys: [{ user: ada }]\n");
    for reference in [
        Reference::LogGroup("there".to_owned()),
        Reference::Alias("there".to_owned()),
    ] {
        let taken = [(reference, Lookup::Found("there".to_owned()))];
        let mut observed = seen(&[]);
        let mut names_it = || {
            let hint = check_references(&model, &observed, &taken)[0].hint.clone();
            observed.stack = None;
            hint.unwrap().contains("`stack:`")
        };
        assert_eq!([names_it(), names_it()], [false, true]);
    }
}

#[test]
fn a_denied_action_is_one_warning_with_all_that_is_unknown() {
    let model = load("access_keys: [{ user: ada }]\n");
    let role = |name: &str| {
        let denied = Lookup::Denied(denied("iam:GetRole"));
        (Reference::ReadingRole(name.to_owned()), denied)
    };
    let findings = check_references(&model, &seen(&[]), &[role("one"), role("two")]);
    assert_eq!(told(&findings), ["not-looked-up iam:GetRole"]);
    assert!(!findings[0].is_error());
    for said in ["reader one, reader two", "iam:GetRole: AccessDenied: no"] {
        assert!(findings[0].message.contains(said), "{findings:?}");
    }
}

#[test]
fn a_boundary_of_another_account_cannot_exist() {
    let model = load(&format!(
        "permissions_boundary: '{BOUNDARY}'\naccess_keys: [{{ user: ada }}]\n"
    ));
    let mut elsewhere = seen(&[]);
    "999900001111".clone_into(&mut elsewhere.caller.account);
    let path = format!("no-boundary permissions_boundary {BOUNDARY}");
    assert_eq!(told(&check_references(&model, &elsewhere, &[])), [path]);
    assert_eq!(check_references(&model, &seen(&[]), &[]), []);
    let aws = "permissions_boundary: 'arn:aws:iam::aws:policy/PowerUserAccess'\naccess_keys: [{ user: ada }]\n";
    assert_eq!(check_references(&load(aws), &elsewhere, &[]), []);
}

#[test]
fn an_existing_user_has_the_boundary() {
    let kinds = |entry_text: &str, boundary: Option<&str>| -> Vec<(&'static str, bool)> {
        let model = load(&format!(
            "permissions_boundary: '{BOUNDARY}'\naccess_keys: [{{ user: ada{entry_text} }}]\n"
        ));
        let mut it = entry();
        it.user.as_mut().unwrap().boundary = boundary.map(str::to_owned);
        let mut observed = seen(&[("AWS::SecretsManager::Secret", "arn:own")]);
        if entry_text.contains("create_user") {
            observed.resources.push(resource("AWS::IAM::User", "ada"));
        }
        observed.entries = vec![observed_of(&model, it)];
        let findings = check(&model, &observed, Preflight { rotates: true }, at(NOW));
        let told = |it: &Finding| (it.kind, it.is_error());
        findings.iter().map(told).collect()
    };
    assert_eq!(kinds("", Some(BOUNDARY)), []);
    assert_eq!(kinds("", None), [("no-user-boundary", true)]);
    let other = Some("arn:aws:iam::111122223333:policy/other");
    assert_eq!(kinds("", other), [("no-user-boundary", true)]);
    // The stack writes no policy of this user.
    assert_eq!(
        kinds(", rotate_as: role", None),
        [("no-user-boundary", false)]
    );
    // The deployment sets it.
    assert_eq!(kinds(", create_user: true", None), []);
}

#[test]
fn a_network_is_in_one_vpc_and_exists() {
    let network = load(
        "network: { subnets: [subnet-1a1a1a1a, subnet-2b2b2b2b], security_groups: [sg-1a1a1a1a] }\n\
         databases: [{ secret: a, engine: postgres, host: h, username: u, tls: require }]\n",
    )
    .network;
    let parts = |parts: &[(&str, &str)]| {
        let part = |(id, vpc): &(&str, &str)| NetworkPart {
            id: (*id).to_owned(),
            vpc: (*vpc).to_owned(),
        };
        Lookup::Found(parts.iter().map(part).collect())
    };
    let check = |subnets, security_groups| {
        let seen = ObservedNetwork {
            subnets,
            security_groups,
        };
        told(&check_network(&network, &seen))
    };
    let both = [("subnet-1a1a1a1a", "vpc-1"), ("subnet-2b2b2b2b", "vpc-1")];
    assert_eq!(
        check(parts(&both), parts(&[("sg-1a1a1a1a", "vpc-1")])),
        [""; 0]
    );
    assert_eq!(
        check(parts(&both[1..]), parts(&[])),
        [
            "no-network subnet subnet-1a1a1a1a",
            "no-network security group sg-1a1a1a1a"
        ]
    );
    let apart = [("subnet-1a1a1a1a", "vpc-1"), ("subnet-2b2b2b2b", "vpc-2")];
    assert_eq!(
        check(parts(&apart), parts(&[("sg-1a1a1a1a", "vpc-2")])),
        [
            "other-vpc subnet subnet-2b2b2b2b",
            "other-vpc security group sg-1a1a1a1a"
        ]
    );
    assert_eq!(
        check(
            Lookup::Denied(denied("ec2:DescribeSubnets")),
            Lookup::Denied(denied("ec2:DescribeSecurityGroups"))
        ),
        [
            "not-looked-up ec2:DescribeSecurityGroups",
            "not-looked-up ec2:DescribeSubnets"
        ]
    );
}

#[test]
fn a_helper_that_may_not_be_looked_up_is_a_warning() {
    let arn = "arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789";
    let model = load(&format!(
        "access_keys: [{{ user: ada, rotate_as: ops/admin, kms_key: '{arn}' }}]\n"
    ));
    let mut it = entry();
    it.encryption_key = Some(Lookup::Denied(denied("kms:DescribeKey")));
    let call = "secretsmanager:DescribeSecret";
    it.administrator = Some(Administrator::Denied(denied(call)));
    let mut observed = seen(&[("AWS::SecretsManager::Secret", "arn:own")]);
    observed.entries = vec![observed_of(&model, it)];
    let findings = check(&model, &observed, Preflight { rotates: true }, at(NOW));
    assert_eq!(
        told(&findings),
        [
            "not-looked-up kms:DescribeKey",
            "not-looked-up secretsmanager:DescribeSecret"
        ]
    );
    assert!(findings.iter().all(|finding| !finding.is_error()));
    let ObservedEntry::AccessKey(key, it) = &observed.entries[0] else {
        panic!("it is an access key");
    };
    // The function needs the whole ARN, which only the manifest could say now.
    assert_eq!(it.origin(*key), None);
    let administrator = Administrator::Denied(denied(call));
    let whole = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:ops/admin-AbCdEf";
    let reference = SecretReference::Arn(Arn::parse(whole).unwrap());
    assert_eq!(administrator.arn(&reference), Some(whole));
    let name = SecretReference::Name(ReferencedName::parse("ops/admin").unwrap());
    assert_eq!(administrator.arn(&name), None);
    assert_eq!(
        Administrator::obstacle(Some(&administrator)),
        "cannot be looked up: secretsmanager:DescribeSecret: AccessDenied: no"
    );
}

#[test]
fn an_adapter_must_exist_and_one_of_another_account_is_reported() {
    let own = "arn:aws:lambda:eu-west-1:111122223333:function:portal:live";
    let foreign = "arn:aws:lambda:eu-west-1:444455556666:function:portal";
    let service = |secret: &str, user: &str, adapter: &str| {
        format!(
            "  - {{ secret: {secret}, username: {user}, adapter: {{ function: '{adapter}' }} }}\n"
        )
    };
    let manifest = format!(
        "services:\n{}{}{}",
        service("one", "ada", own),
        service("two", "bob", own),
        service("three", "ada", foreign)
    );
    let adapter = Reference::Adapter(own.to_owned());
    let wanted = wanted(&manifest, &[]);
    let adapters = wanted
        .iter()
        .filter(|it| matches!(it, Reference::Adapter(_)));
    assert_eq!(adapters.collect::<Vec<_>>(), [&adapter]);
    let missing = [(adapter, Lookup::Missing)];
    let findings = check_references(&load(&manifest), &seen(&[]), &missing);
    assert_eq!(
        told(&findings),
        [
            format!("no-adapter adapter {own}"),
            format!("foreign-adapter adapter {foreign}"),
        ]
    );
    assert!(findings[0].is_error() && !findings[1].is_error());
}
