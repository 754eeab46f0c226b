//! The result of `survey`, in three formats and as a page.

mod csv;
mod page;

use serde_json::{Value, json};

use super::Show;
use super::human::{moment, table};
use super::text::{Styling as _, visible};
use crate::plan::{SecretMatch, Survey, SurveyedKey, Verdict};

pub use page::survey_page;

/// The result of `survey`.
#[derive(Clone, Debug)]
pub struct SurveyResult {
    /// What was found.
    pub survey: Survey,
    /// The manifest that was written.
    pub manifest: Option<WrittenManifest>,
    /// The path of the page that was written.
    pub page: Option<String>,
}

/// A manifest for the keys that should rotate.
#[derive(Clone, Debug)]
pub struct WrittenManifest {
    /// Its path, or `None` if no user has a key for it, so that none was written.
    pub path: Option<String>,
    /// The number of its users.
    pub users: usize,
    /// The users that are left out, each with the reason.
    pub left_out: Vec<(String, String)>,
}

impl Show for SurveyResult {
    fn human(&self) -> String {
        let survey = &self.survey;
        let mut text = String::new();
        if !survey.keys.is_empty() {
            let header = [
                "user",
                "key",
                "status",
                "age",
                "last used",
                "console",
                "secret",
                "rotated by",
                "verdict",
                "reason",
            ];
            text = table(&header, survey.keys.iter().map(row).collect()) + "\n";
        }
        text.push_str(&summary(survey));
        text.push('\n');
        if let Some(page) = &self.page {
            text.push_str(&format!("Wrote {}.\n", visible(page).bold()));
        }
        if let Some(manifest) = &self.manifest {
            for (user, why) in &manifest.left_out {
                let line = format!("{user}: left out of the manifest, because {why}");
                text.push_str(&format!("{}\n", visible(&line)));
            }
            text.push_str(&match &manifest.path {
                Some(path) => format!(
                    "Wrote {} with {}.\nNext: edit it, and run keyrota generate, keyrota plan, and keyrota bootstrap.\n",
                    visible(path).bold(),
                    counted(manifest.users, "user")
                ),
                None => "Wrote no manifest, because no user has a key for it.\n".to_owned(),
            });
        }
        text
    }

    fn json(&self) -> Value {
        let mut document = json!(self.survey);
        document["html"] = json!(self.page);
        document["manifest"] = match &self.manifest {
            None => Value::Null,
            Some(manifest) => json!({
                "path": manifest.path,
                "users": manifest.users,
                "left_out": manifest
                    .left_out
                    .iter()
                    .map(|(user, reason)| json!({ "user": user, "reason": reason }))
                    .collect::<Vec<_>>(),
            }),
        };
        document
    }

    fn csv(&self) -> Option<String> {
        Some(csv::document(&self.survey.keys))
    }
}

/// Returns the numbers of users and keys, in two sentences.
fn summary(survey: &Survey) -> String {
    let users = &survey.users;
    let passwords = users
        .with_console_password
        .map_or_else(String::new, |count| {
            format!(", {count} of them with a console password")
        });
    let of = |verdict| {
        let keys = survey.keys.iter();
        keys.filter(move |key| key.verdict == verdict)
    };
    format!(
        "Account {} has {}{passwords}. {} of them have {}: delete {}, use a role for {}, rotate {}.",
        survey.account,
        counted(users.total, "user"),
        users.with_keys,
        counted(survey.keys.len(), "key"),
        of(Verdict::Delete).count(),
        of(Verdict::UseRole).count(),
        of(Verdict::Rotate).count(),
    )
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

fn row(key: &SurveyedKey) -> Vec<String> {
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        key.user.clone(),
        dash(key.access_key_id.clone()),
        key.status.to_owned(),
        age(key),
        last_used(key),
        console(key).to_owned(),
        dash(secret(key)),
        dash(key.rotated_by.clone()),
        key.verdict.name().to_owned(),
        key.reason.clone(),
    ]
}

fn age(key: &SurveyedKey) -> String {
    match key.age_days {
        Some(days) => format!("{days} d"),
        None => "unknown".to_owned(),
    }
}

fn last_used(key: &SurveyedKey) -> String {
    let Some(last) = &key.last_used else {
        return "unknown".to_owned();
    };
    if last.date.is_none() {
        return "never".to_owned();
    }
    let place = [&last.service, &last.region];
    let place: Vec<&str> = place.into_iter().flatten().map(String::as_str).collect();
    format!("{} {}", moment(last.date), place.join(" "))
}

fn console(key: &SurveyedKey) -> &'static str {
    match key.console_password {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    }
}

/// Returns the secret, and how it was matched.
fn secret(key: &SurveyedKey) -> Option<String> {
    let name = key.secret.as_ref()?;
    let matched = key.secret_matched_by.map(matched_by)?;
    let more = match key.other_secrets.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("{name} ({matched}){more}"))
}

fn matched_by(matched: SecretMatch) -> &'static str {
    match matched {
        SecretMatch::KeyId => "by key ID",
        SecretMatch::Tags => "by tags",
        SecretMatch::Name => "by name only",
    }
}
