//! What exists already: who it belongs to, and the template that imports it.

use std::collections::BTreeMap;

use serde_yaml::Value;

use super::super::{
    ImportEvidence, ImportOrigin, KeyImport, KeyOwner, Lookup, Observed, ObservedAccessKey,
    STACK_ID_TAG, check_import, check_key_import, import_changes, import_template, imports,
};
use super::sample::{self, entry, model, observed_of};
use crate::model::Model;
use crate::port::{EncryptionKey, Rotation, StackStatus};
use crate::render::{self, Fleet, Record, Templates};

const EARLIER: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/keys/1";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1";
const OTHER_KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/2";

/// Returns what was seen of an account with the stack.
fn observed(model: &'static Model, seen: ObservedAccessKey) -> Observed<'static> {
    Observed {
        entries: vec![observed_of(model, seen)],
        ..sample::observed(entry())
    }
}

/// Returns what was seen of an account without the stack, after a change.
fn without_stack(
    model: &'static Model,
    change: impl FnOnce(&mut crate::port::Secret),
) -> Observed<'static> {
    let mut seen = entry();
    let secret = &mut seen.secret.as_mut().unwrap().secret;
    secret.tags.clear();
    change(secret);
    let mut observed = observed(model, seen);
    observed.stack = None;
    observed.resources.clear();
    observed
}

fn origins(model: &'static Model, observed: &Observed<'_>) -> Vec<ImportOrigin> {
    let imports = imports(model, observed);
    imports.iter().map(|import| import.origin).collect()
}

#[test]
fn only_the_tag_of_aws_brings_a_secret_back_unasked() {
    let tagged = |key: &str, value: &str| {
        let (key, value) = (key.to_owned(), value.to_owned());
        without_stack(model(""), |secret| {
            secret.tags.insert(key, value);
        })
    };
    assert_eq!(
        origins(model(""), &tagged(STACK_ID_TAG, EARLIER)),
        [ImportOrigin::Returned]
    );
    for other in [
        EARLIER.replace("stack/keys/", "stack/other/"),
        EARLIER.replace("111122223333", "444455556666"),
        EARLIER.replace("eu-west-1", "eu-west-2"),
    ] {
        assert_eq!(
            origins(model(""), &tagged(STACK_ID_TAG, &other)),
            [],
            "{other}"
        );
    }
    let claimed = tagged("keyrota:stack", "keys");
    assert_eq!(origins(model(""), &claimed), []);
    let adopting = model(", adopt: true");
    let adopted = without_stack(adopting, |_| {});
    assert_eq!(origins(adopting, &adopted), [ImportOrigin::Adopted]);
    // What the stack has already is not imported again.
    assert_eq!(origins(adopting, &observed(adopting, entry())), []);
}

fn rendered(model: &'static Model) -> String {
    let fleet = Fleet::of(model.clone(), Record::default()).unwrap();
    let templates = Templates::built_in().unwrap();
    let rendering = render::render(&fleet.shards, &templates).unwrap();
    rendering.stacks()[0].to_owned()
}

fn resources(template: &str) -> BTreeMap<String, Value> {
    let root: Value = serde_yaml::from_str(template).unwrap();
    let resources = root["Resources"].as_mapping().unwrap().iter();
    resources
        .map(|(id, resource)| (id.as_str().unwrap().to_owned(), resource.clone()))
        .collect()
}

#[test]
fn the_template_of_an_import_says_what_there_is() {
    let model = model(", kms_key: create, description: new");
    let observed = without_stack(model, |secret| {
        secret
            .tags
            .insert(STACK_ID_TAG.to_owned(), EARLIER.to_owned());
        secret.description = "Zürich \"结\" 🔑\n".to_owned();
        secret.kms_key = Some(KEY.to_owned());
    });
    let imports = imports(model, &observed);
    let rendered = rendered(model);
    let written = import_template(None, &rendered, &imports, None, Some(KEY)).unwrap();
    assert!(written.text.is_ascii(), "{}", written.text);
    let imported = resources(&written.text);
    let final_ones = resources(&rendered);
    let id = render::secret_logical_id(&model.entries[0]);
    let properties = |resources: &BTreeMap<String, Value>| resources[&id]["Properties"].clone();
    let (now, later) = (properties(&imported), properties(&final_ones));
    // The update must not touch the seed, the name, or the key.
    for same in ["Name", "SecretString", "KmsKeyId"] {
        assert_eq!(now[same], later[same], "{same}");
    }
    assert_eq!(now["Description"], "Zürich \"结\" 🔑\n");
    assert!(now.get("Tags").is_none() && later.get("Tags").is_some());
    assert_eq!(imported[render::KMS_KEY]["DeletionPolicy"], "Retain");
    let identifiers: Vec<_> = written
        .resources
        .iter()
        .map(|one| one.identifier.clone())
        .collect();
    assert_eq!(
        identifiers,
        [("KeyId", "1".to_owned()), ("Id", "arn:own".to_owned())]
    );

    // A stack that exists keeps everything else, to the letter.
    let deployed =
        "# Ours\nParameters: {}\n\nResources:\n  Topic: { Type: AWS::SNS::Topic }\n\nOutputs: {}\n";
    let written = import_template(Some(deployed), &rendered, &imports, Some(KEY), None).unwrap();
    let without: Vec<&str> = written
        .text
        .lines()
        .filter(|line| !line.contains(&id))
        .collect();
    assert_eq!(without, deployed.lines().collect::<Vec<_>>());
    assert_eq!(resources(&written.text).len(), 2);
    // With another key, the update changes the key.
    let written = import_template(Some(deployed), &rendered, &imports, Some(OTHER_KEY), None);
    let imported = resources(&written.unwrap().text);
    assert!(imported[&id]["Properties"].get("KmsKeyId").is_none());
    for broken in ["Resources: {}\n", "\nResources:\n\nResources:\n"] {
        assert!(import_template(Some(broken), &rendered, &imports, None, None).is_err());
    }
}

#[test]
fn an_adopted_secret_has_no_first_value() {
    let model = model(", adopt: true");
    let observed = without_stack(model, |_| {});
    let imports = imports(model, &observed);
    let rendered = rendered(model);
    let written = import_template(None, &rendered, &imports, None, None).unwrap();
    let id = render::secret_logical_id(&model.entries[0]);
    for template in [&written.text, &rendered] {
        let resource = &resources(template)[&id];
        assert_eq!(resource["DeletionPolicy"], "Retain");
        assert!(resource["Properties"].get("SecretString").is_none());
        assert!(resource["Properties"].get("Description").is_none());
    }
}

#[test]
fn what_changes_is_said_before() {
    let model =
        model(", adopt: true, kms_key: create, readers: ['arn:aws:iam::111122223333:role/app']");
    let observed = without_stack(model, |secret| {
        secret
            .tags
            .insert("keyrota:user".to_owned(), "bob".to_owned());
        secret.rotation = Rotation {
            function: Some("arn:aws:lambda:theirs".to_owned()),
            ..Rotation::default()
        };
    });
    let import = imports(model, &observed)[0];
    let evidence = ImportEvidence {
        policy: Some(Lookup::Found("{}".to_owned())),
        ..ImportEvidence::default()
    };
    let written = render::secret_tags(model, &model.entries[0], "eu-west-1");
    let changes = import_changes(&import, &evidence, &written).join("\n");
    for text in [
        "KMS key that the stack creates",
        "resource policy is replaced",
        "arn:aws:lambda:theirs",
        "`keyrota:user` changes from `bob` to `ada`",
    ] {
        assert!(changes.contains(text), "{changes}");
    }
    let nothing = without_stack(model, |secret| {
        secret.rotation = Rotation::default();
        secret.kms_key = Some(KEY.to_owned());
    });
    let import = imports(model, &nothing)[0];
    assert_eq!(
        import_changes(&import, &ImportEvidence::default(), &written),
        [""; 0]
    );
}

#[test]
fn another_stack_and_another_user_are_findings() {
    let model = model(", adopt: true");
    let observed = without_stack(model, |_| {});
    let import = imports(model, &observed)[0];
    let kinds = |evidence: &ImportEvidence| {
        let found = check_import(&import, &observed.entries[0], evidence);
        found.iter().map(|finding| finding.kind).collect::<Vec<_>>()
    };
    let holder = |holder: Result<&str, &str>| ImportEvidence {
        holder: Some(holder.map(str::to_owned).map_err(str::to_owned)),
        ..ImportEvidence::default()
    };
    assert_eq!(
        kinds(&holder(Ok("arn:aws:iam::111122223333:user/ada"))),
        [""; 0]
    );
    assert_eq!(
        kinds(&holder(Ok("arn:aws:iam::111122223333:user/bob"))),
        ["other-user"]
    );
    assert_eq!(kinds(&holder(Err("InvalidClientTokenId"))), ["dead-key"]);
    let other = ImportEvidence {
        other_stack: Some(Lookup::Found("arn".to_owned())),
        ..ImportEvidence::default()
    };
    assert_eq!(kinds(&other), ["other-stack"]);
}

#[test]
fn a_kms_key_comes_back_only_with_proof() {
    let key = |id: &str, key: Option<bool>, owner: KeyOwner| KeyImport {
        id: id.to_owned(),
        key: key.map_or(Lookup::Missing, |enabled| {
            Lookup::Found(EncryptionKey {
                enabled,
                state: String::new(),
                symmetric: true,
            })
        }),
        owner,
    };
    let unproven = || KeyOwner::Unproven("why".to_owned());
    let refused = |keys: &[KeyImport], stacks| !check_key_import(keys, stacks).is_empty();
    let ours = || key(KEY, Some(false), KeyOwner::ThisStack);
    assert!(!refused(&[ours()], None));
    assert!(!refused(&[ours()], Some("1")));
    assert!(refused(&[ours()], Some("2")));
    assert!(refused(
        &[ours(), key(OTHER_KEY, Some(true), KeyOwner::ThisStack)],
        None
    ));
    assert!(refused(&[key(KEY, None, KeyOwner::ThisStack)], None));
    assert!(refused(&[key(KEY, Some(true), unproven())], None));
}

#[test]
fn a_stack_of_imports_only_is_ours_without_its_tag() {
    let model = model(", adopt: true");
    let mut seen = observed(model, entry());
    let id = render::secret_logical_id(&model.entries[0]);
    let stack = seen.stack.as_mut().unwrap();
    stack.tags.clear();
    stack.outputs.clear();
    stack.status = StackStatus("IMPORT_COMPLETE".to_owned());
    let stack = stack.clone();
    let resource = |logical_id: &str| crate::port::StackResource {
        logical_id: logical_id.to_owned(),
        physical_id: "arn".to_owned(),
        kind: "AWS::SecretsManager::Secret".to_owned(),
        status: "IMPORT_COMPLETE".to_owned(),
    };
    let is_refused = |stack: &crate::port::Stack, id: &str| {
        super::super::check_owner(model, stack, &[resource(id)]).is_some()
    };
    assert!(!is_refused(&stack, &id));
    assert!(is_refused(&stack, "Theirs"));
    let mut tagged = stack.clone();
    tagged.tags.insert("team".to_owned(), "b".to_owned());
    assert!(is_refused(&tagged, &id));
    let mut created = stack;
    created.status = StackStatus("CREATE_COMPLETE".to_owned());
    assert!(is_refused(&created, &id));
}
