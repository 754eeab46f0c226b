//! The survey as a page, in the style of the review page.

use serde_json::{Value, json};

use super::super::human::moment;
use super::{last_used, matched_by, summary};
use crate::plan::{Survey, SurveyedKey, Verdict};
use crate::render::{TemplateError, page_registry};

const TEMPLATE: &str = include_str!("../../../templates/review/survey.html.hbs");

/// The sections: the verdict, its place in the page, its title, and what it means.
const SECTIONS: [(Verdict, &str, &str, &str); 3] = [
    (
        Verdict::Delete,
        "delete",
        "Delete",
        "These keys are at least 90 days old, and were never used or not for 90 days.",
    ),
    (
        Verdict::UseRole,
        "use-role",
        "Use a role",
        "An event in CloudTrail shows that a client of the key can use a role instead. The user agent in the event is what the client says about itself.",
    ),
    (
        Verdict::Rotate,
        "rotate",
        "Rotate",
        "All other keys. As long as they are needed, they should change regularly.",
    ),
];

/// Returns the page.
///
/// # Errors
///
/// Returns a defect of the template.
pub fn survey_page(survey: &Survey) -> Result<String, TemplateError> {
    let of = |verdict| {
        let keys = survey.keys.iter();
        keys.filter(move |key| key.verdict == verdict)
    };
    let sections = SECTIONS.map(|(verdict, place, title, meaning)| {
        let keys: Vec<Value> = of(verdict).map(row).collect();
        json!({ "place": place, "title": title, "meaning": meaning, "keys": keys })
    });
    let figures = SECTIONS
        .map(|(verdict, _, title, _)| json!({ "what": title, "figure": of(verdict).count() }));
    let report = survey.credential_report.map_or_else(
        || "There was no credential report.".to_owned(),
        |at| {
            format!(
                "IAM generated the credential report at {}.",
                moment(Some(at))
            )
        },
    );
    let place = format!(
        "Secrets of {}, {}",
        survey.region,
        moment(Some(survey.time))
    );
    let content = json!({
        "name": format!("Access keys of {}", survey.account),
        "place": place,
        "lede": summary(survey),
        "report": report,
        "figures": figures,
        "sections": sections,
        "warnings": survey.warnings,
    });
    Ok(page_registry()?.render_template(TEMPLATE, &content)?)
}

fn row(key: &SurveyedKey) -> Value {
    json!({
        "user": key.user,
        "arn": key.arn,
        "id": key.access_key_id.as_deref().unwrap_or("unknown"),
        "status": key.status,
        "age": key.age_days.map_or_else(|| "unknown age".to_owned(), counted_days),
        "last_used": match &key.last_used {
            None => "last use unknown".to_owned(),
            Some(last) if last.date.is_none() => "never used".to_owned(),
            Some(_) => format!("used {}", last_used(key)),
        },
        "console": match key.console_password {
            Some(true) => "console password",
            Some(false) => "no console password",
            None => "console password unknown",
        },
        "secret": key.secret,
        "matched": key.secret_matched_by.map(matched_by),
        "rotated_by": key.rotated_by,
        "reason": key.reason,
    })
}

fn counted_days(days: i64) -> String {
    match days {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
