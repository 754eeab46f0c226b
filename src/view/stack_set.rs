//! The result of `status --stack-set`, in both formats.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Show;
use super::human::table;
use super::text::visible;
use crate::plan::StackSetReport;

impl Show for StackSetReport {
    fn human(&self) -> String {
        let mut text = format!(
            "The StackSet {} has {} stack(s).\n\n",
            visible(&self.name),
            self.instances.len()
        );
        let rows = self.instances.iter().map(|instance| {
            let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            vec![
                instance.account.clone(),
                instance.region.clone(),
                instance.status.clone(),
                instance.operation.clone(),
                or_dash(&instance.reason),
            ]
        });
        let heading = ["account", "Region", "stack", "last operation", "reason"];
        text.push_str(&table(&heading, rows.collect()));
        for missing in &self.missing {
            let account = visible(&missing.account);
            let region = missing.region.as_deref().map(visible);
            let place = region.map_or(String::new(), |region| format!(" in {region}"));
            let _ = writeln!(
                text,
                "\nThe account {account} is in the manifest, and has no stack{place}."
            );
        }
        let note = "\nThis account cannot read the secrets of the others. To see the state of the credentials, run `keyrota status` in an account.";
        text.push_str(note);
        text.push('\n');
        if !self.awaiting_bootstrap.is_empty() {
            let secrets: Vec<String> = self
                .awaiting_bootstrap
                .iter()
                .map(|it| visible(it).to_string())
                .collect();
            let _ = writeln!(
                text,
                "In each account, these secrets wait until `keyrota bootstrap` is run there: {}.",
                secrets.join(", ")
            );
        }
        text
    }

    fn json(&self) -> Value {
        json!({ "stack_set": self, "credentials": "unknown" })
    }
}
