//! How drift is reverted, and which change sets may revert it.

use std::collections::BTreeSet;

use serde_yaml::Value;

use super::{
    ALIAS, DriftChange, DriftedResource, KMS_KEY, PERMISSION, SCHEDULE, SECRET, SECRET_POLICY,
    SUBSCRIPTION, TOPIC_POLICY,
};
use crate::model::Finding;
use crate::port::{Change, DriftStatus};

/// How the drift of a resource is reverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repair {
    /// The KMS key is enabled, and its deletion is canceled.
    Key,
    /// The deletion of the secret is canceled.
    Restore,
    /// The settings of the secret are written, without its value.
    Settings,
    /// The resource policy of the secret is written.
    SecretPolicy,
    /// The function gets the code of its zip file.
    Code,
    /// The log group is associated with its KMS key.
    LogKey,
    /// The rotation schedule is set.
    Schedule,
    /// Rotation is enabled, which a person has to ask for.
    EnableRotation,
    /// The statement is removed from the function's resource policy, and a change set adds it again.
    Permission,
    /// A change set restores it.
    ChangeSet,
    /// It is removed from the stack, and added again: CloudFormation neither compares resources of
    /// this type nor reverts their drift. Only resources to which no other one refers.
    Replace,
    /// Another secret is created, which a person has to ask for.
    Recreate,
}

/// Returns how the drift of a resource is reverted.
pub fn repair_of(drifted: &DriftedResource) -> Repair {
    match (drifted.kind.as_str(), &drifted.change) {
        (_, DriftChange::Code(_)) => Repair::Code,
        (_, DriftChange::LogKey(_)) => Repair::LogKey,
        (SECRET, DriftChange::Gone) => Repair::Recreate,
        (SECRET, DriftChange::Deleted) => Repair::Restore,
        (SECRET, DriftChange::Changed(_)) => Repair::Settings,
        (SECRET_POLICY, _) => Repair::SecretPolicy,
        (SCHEDULE, DriftChange::RotationDisabled) => Repair::EnableRotation,
        (SCHEDULE, _) => Repair::Schedule,
        (KMS_KEY, DriftChange::KeyUnusable(_)) => Repair::Key,
        // None of its properties can be changed, and no change set reverts such a one.
        (PERMISSION, DriftChange::Refuses(_) | DriftChange::Changed(_)) => Repair::Permission,
        (TOPIC_POLICY | SUBSCRIPTION | ALIAS, _) => Repair::Replace,
        _ => Repair::ChangeSet,
    }
}

/// Returns whether the drift of a resource is reverted without a question about it alone.
pub fn is_restored(drifted: &DriftedResource) -> bool {
    !matches!(
        repair_of(drifted),
        Repair::EnableRotation | Repair::Recreate
    )
}

/// What a person has and has not agreed to, by logical ID.
#[derive(Clone, Debug, Default)]
pub struct Consent {
    /// The secrets that do not exist, and that the person has asked to create again.
    pub recreated: BTreeSet<String>,
    /// The rotation schedules that someone has disabled, and that stay so.
    pub disabled: BTreeSet<String>,
    /// The resources that the person was shown before they agreed, or `None` if nobody was asked.
    pub shown: Option<BTreeSet<String>>,
}

/// Returns why a change set that reverts drift may not be executed, a finding for each reason.
///
/// `SecretString` can only be written, so CloudFormation cannot compare it, and AWS does not
/// document whether a change set that restores another property writes it again. So no change set
/// with a secret is executed, unless the secret does not exist and a person has asked for another
/// one.
pub fn check_revert(changes: &[Change], consent: &Consent) -> Vec<Finding> {
    let is_unseen = |change: &Change| {
        let is_drift = matches!(
            change.drift,
            Some(DriftStatus::Modified | DriftStatus::Deleted)
        );
        // They are gone with their secret.
        let is_recreated = !consent.recreated.is_empty()
            && [SCHEDULE, SECRET_POLICY].contains(&change.kind.as_str());
        let shown = consent.shown.as_ref();
        is_drift && !is_recreated && shown.is_some_and(|shown| !shown.contains(&change.logical_id))
    };
    let refusal = |change: &Change| {
        let is_new = change.drift == Some(DriftStatus::Deleted) || change.action == "Add";
        let why = match change.kind.as_str() {
            _ if change.action == "SyncWithActual" => return None,
            SECRET if is_new && consent.recreated.contains(&change.logical_id) => return None,
            SECRET => "it contains a secret, whose value it could overwrite",
            SCHEDULE if consent.disabled.contains(&change.logical_id) => {
                "it would enable rotation, which someone has disabled"
            }
            _ if is_unseen(change) => {
                "it would restore this too, and how it differs was not shown; run the command again when everything can be compared"
            }
            KMS_KEY if change.replacement.as_deref() == Some("True") || is_new => {
                "it would create another KMS key, with which nothing that exists can be decrypted"
            }
            _ if change.action == "Remove" => "it would remove a resource",
            _ => return None,
        };
        let message = format!("the change set that restores the stack is not executed: {why}");
        Some(Finding::error(
            "drift-not-reverted",
            change.logical_id.clone(),
            message,
        ))
    };
    changes.iter().filter_map(refusal).collect()
}

/// Returns why a change set may not be executed that should do nothing but one action to some
/// resources, a finding for each other change.
pub fn check_replacement(changes: &[Change], action: &str, ids: &BTreeSet<String>) -> Vec<Finding> {
    let is_other = |change: &&Change| change.action != action || !ids.contains(&change.logical_id);
    let others = changes.iter().filter(is_other);
    let finding = |change: &Change| {
        let message = format!(
            "the change set that restores the stack is not executed: it contains another change ({} {})",
            change.action, change.kind
        );
        Finding::error("drift-not-reverted", change.logical_id.clone(), message)
    };
    others.map(finding).collect()
}

/// Returns a template without some of its resources. Every other character stays as it is.
///
/// # Errors
///
/// Returns a resource that cannot be taken out.
pub fn without_resources(template: &str, ids: &BTreeSet<String>) -> Result<String, String> {
    let failed = |id: &str| format!("{id} cannot be taken out of the deployed template");
    let mut text = template.to_owned();
    for id in ids {
        let first = format!("  {id}:");
        let mut section = "";
        let mut is_inside = false;
        let kept = text.split_inclusive('\n').filter(|line| {
            if !line.starts_with([' ', '#']) && !line.trim().is_empty() {
                section = line.trim_end();
            }
            let is_nested = line.starts_with("   ") || line.trim().is_empty();
            let begins = section == "Resources:" && line.starts_with(&first);
            is_inside = begins || is_inside && is_nested;
            !is_inside
        });
        text = kept.collect();
    }
    let read = |text: &str| serde_yaml::from_str::<Value>(text).ok();
    let all = ids
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    let mut wanted = read(template).ok_or_else(|| failed(&all))?;
    let resources = wanted.get_mut("Resources").and_then(Value::as_mapping_mut);
    if let Some(resources) = resources {
        for id in ids {
            resources.remove(id.as_str()).ok_or_else(|| failed(id))?;
        }
    }
    match read(&text) {
        Some(held) if held == wanted => Ok(text),
        _ => Err(failed(&all)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(kind: &str, action: &str, drift: DriftStatus) -> Change {
        Change {
            action: action.to_owned(),
            logical_id: "Resource".to_owned(),
            kind: kind.to_owned(),
            replacement: None,
            properties: Vec::new(),
            drift: Some(drift),
        }
    }

    #[test]
    fn a_template_loses_only_what_is_replaced() {
        let template = "# a\nResources:\n  # b\n  A:\n    Type: X\n\n    # c\n    Properties: {}\n\n  AB: { Type: Y }\n  B:\n    Type: Z\nOutputs:\n  A: { Value: !Ref B }\n";
        let of = |ids: &[&str]| {
            without_resources(template, &ids.iter().map(|id| (*id).to_owned()).collect())
        };
        let rest = "# a\nResources:\n  # b\n  AB: { Type: Y }\n  B:\n    Type: Z\nOutputs:\n  A: { Value: !Ref B }\n";
        // An output has the same name, and stays.
        assert_eq!(of(&["A"]).unwrap(), rest);
        assert!(of(&["AB"]).unwrap().contains("  A:\n    Type: X"));
        assert!(!of(&["AB"]).unwrap().contains("Type: Y"));
        assert!(of(&["C"]).is_err());
    }

    #[test]
    fn no_change_set_with_a_secret_is_executed() {
        let none = BTreeSet::new();
        let this = BTreeSet::from(["Resource".to_owned()]);
        let is_refused = |kind: &str, action: &str, drift, recreated, disabled| {
            let changes = [change(kind, action, drift)];
            let consent = Consent {
                recreated: BTreeSet::clone(recreated),
                disabled: BTreeSet::clone(disabled),
                shown: None,
            };
            !check_revert(&changes, &consent).is_empty()
        };
        let is_unseen = |shown: &BTreeSet<String>, drift| {
            let changes = [change("AWS::IAM::Role", "Modify", drift)];
            let consent = Consent {
                shown: Some(shown.clone()),
                ..Consent::default()
            };
            !check_revert(&changes, &consent).is_empty()
        };
        use DriftStatus::{Deleted, InSync, Modified};
        for action in ["Add", "Modify", "Dynamic"] {
            assert!(is_refused(SECRET, action, Modified, &none, &none));
            assert!(is_refused(SECRET, action, Deleted, &none, &none));
            assert!(!is_refused(SECRET, action, Deleted, &this, &none));
        }
        // A secret that exists is never changed, even if a person has asked for another one.
        assert!(is_refused(SECRET, "Modify", Modified, &this, &none));
        assert!(is_refused(SECRET, "Modify", InSync, &this, &none));
        assert!(is_refused(SCHEDULE, "Modify", Modified, &none, &this));
        assert!(!is_refused(SCHEDULE, "Modify", Modified, &none, &none));
        assert!(is_refused(KMS_KEY, "Add", Deleted, &none, &none));
        assert!(!is_refused(KMS_KEY, "Modify", Modified, &none, &none));
        assert!(is_refused("AWS::IAM::Role", "Remove", InSync, &none, &none));
        assert!(!is_refused("AWS::IAM::Role", "Add", Deleted, &none, &none));
        assert!(!is_refused(SECRET, "SyncWithActual", InSync, &none, &none));
        // What was changed after a person was asked, or what nobody could look at.
        assert!(is_unseen(&none, Modified) && is_unseen(&none, Deleted));
        assert!(!is_unseen(&this, Modified) && !is_unseen(&none, InSync));
    }
}
