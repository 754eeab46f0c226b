//! The result of `plan`, in both formats.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Show;
use super::bootstrap::first_rotations;
use super::human::table;
use super::text::visible;
use crate::plan::{Drift, ImportOrigin, OutstandingRotation, RemovedReplica};
use crate::port::Change;
use crate::run::ImportReport;

/// The result of `plan`.
#[derive(Clone, Debug)]
pub struct PlanResult {
    /// Each stack with its changes.
    pub stacks: Vec<(String, Vec<Change>)>,
    /// The secrets that exist already and are imported, with their stacks.
    pub imports: Vec<(String, ImportReport)>,
    /// Differences from what was deployed that no change set shows, with their stacks.
    pub drift: Vec<(String, Drift)>,
    /// The replicas that the changes delete.
    pub removed: Vec<RemovedReplica>,
    /// The first rotations of secrets that have never rotated, after a deployment.
    pub first_rotations: Vec<OutstandingRotation>,
}

impl PlanResult {
    /// Returns every change with its stack.
    fn changes(&self) -> impl Iterator<Item = (&str, &Change)> {
        self.stacks
            .iter()
            .flat_map(|(stack, changes)| changes.iter().map(move |change| (stack.as_str(), change)))
    }

    /// Returns whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.changes().next().is_none() && self.drift.is_empty()
    }

    /// Returns when the secrets that have never rotated do so after a bootstrap.
    fn first_rotations(&self) -> String {
        match first_rotations(&self.first_rotations) {
            none if none.is_empty() => none,
            lines => format!("\nThe first rotations, if `keyrota bootstrap` runs now:{lines}\n"),
        }
    }

    /// Returns what a bootstrap restores besides the changes.
    fn drift(&self) -> String {
        let mut text = String::new();
        for (stack, drift) in &self.drift {
            let stack = match self.stacks.len() {
                1 => String::new(),
                _ => format!("{stack}: "),
            };
            let (id, difference) = (visible(&drift.logical_id), visible(&drift.difference));
            let _ = writeln!(text, "{}{id}: {difference}", visible(&stack));
        }
        text
    }
}

/// Returns what happens to secrets that exist already, a paragraph each.
pub fn imported<'a>(imports: impl IntoIterator<Item = &'a ImportReport>) -> String {
    let mut text = String::new();
    for import in imports {
        let origin = match import.origin {
            ImportOrigin::Adopted => "exists already, and is adopted",
            ImportOrigin::Returned => "is left over from an earlier deployment, and is used again",
        };
        let _ = write!(text, "\nThe secret {} {origin}", visible(&import.secret));
        text.push_str(" with its ARN and its value");
        if import.changes.is_empty() {
            text.push_str(".\n");
            continue;
        }
        text.push_str(":\n");
        for change in &import.changes {
            let _ = writeln!(text, "  {}", visible(change));
        }
    }
    text
}

impl Show for PlanResult {
    fn human(&self) -> String {
        if !self.drift.is_empty() && self.changes().next().is_none() {
            return format!(
                "{}\nThe stack has no changes; `keyrota bootstrap` restores the above. Nothing was changed.\n",
                self.drift()
            );
        }
        if self.is_empty() {
            let text = match self.stacks.len() {
                1 => "No changes. The stack matches the manifest.\n".to_owned(),
                count => format!("No changes. The {count} stacks match the manifest.\n"),
            };
            return text + &self.first_rotations();
        }
        let mut header = vec!["action", "resource", "type", ""];
        if self.stacks.len() > 1 {
            header.insert(0, "stack");
        }
        let rows = self.changes().map(|(stack, change)| {
            let replacement = match change.replacement.as_deref() {
                Some("True") => "replaced",
                Some("Conditional") => "possibly replaced",
                _ => "",
            };
            let mut row = vec![
                change.action.to_lowercase(),
                change.logical_id.clone(),
                change.kind.clone(),
                replacement.to_owned(),
            ];
            if self.stacks.len() > 1 {
                row.insert(0, stack.to_owned());
            }
            row
        });
        let mut text = table(&header, rows.collect());
        if !self.drift.is_empty() {
            let _ = write!(text, "\n{}", self.drift());
        }
        let imports = self.imports.iter().map(|(_, import)| import);
        let _ = write!(text, "{}", imported(imports));
        for RemovedReplica { secret, region } in &self.removed {
            let (secret, region) = (visible(secret), visible(region));
            let _ = writeln!(
                text,
                "\nThe replica of {secret} in {region} is deleted permanently."
            );
        }
        text.push_str(&self.first_rotations());
        let count = |action: &str| {
            let changes = self.changes();
            changes
                .filter(|(_, change)| change.action == action)
                .count()
        };
        let _ = writeln!(
            text,
            "\n{}{} to add, {} to modify, {} to remove. Nothing was changed.",
            match count("Import") {
                0 => String::new(),
                imports => format!("{imports} to import, "),
            },
            count("Add"),
            count("Modify"),
            count("Remove")
        );
        text
    }

    fn json(&self) -> Value {
        let changes = self.changes().map(|(stack, change)| {
            let mut change = json!(change);
            if self.stacks.len() > 1 {
                change["stack"] = stack.into();
            }
            change
        });
        let drift = self.drift.iter().map(|(stack, drift)| {
            let mut drift = json!(drift);
            if self.stacks.len() > 1 {
                drift["stack"] = stack.as_str().into();
            }
            drift
        });
        let imports = self.imports.iter().map(|(stack, import)| {
            let mut import = json!(import);
            if self.stacks.len() > 1 {
                import["stack"] = stack.as_str().into();
            }
            import
        });
        let first = self.first_rotations.iter().map(|first| {
            let mut named = json!(first);
            named["name"] = first.secret().into();
            named
        });
        json!({
            "imports": imports.collect::<Vec<_>>(),
            "changes": changes.collect::<Vec<_>>(),
            "drift": drift.collect::<Vec<_>>(),
            "deleted_replicas": self.removed,
            "first_rotations": first.collect::<Vec<_>>(),
        })
    }
}
