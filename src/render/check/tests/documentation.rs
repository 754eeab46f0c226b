//! The tables in `docs/reference/rules.md` are generated from the table of rules.

use std::fmt::Write as _;

use crate::documentation::assert_section;
use crate::model::Severity;
use crate::render::{INTENDED_WILDCARDS, THEMES};

fn page() -> String {
    let mut page = String::new();
    for theme in THEMES {
        writeln!(
            page,
            "\n## {}\n\n| rule | | what holds, and why | source |\n| --- | --- | --- | --- |",
            theme.title
        )
        .unwrap();
        for rule in theme.rules {
            let severity = match rule.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let sign = if rule.refused_by_aws { " ●" } else { "" };
            writeln!(
                page,
                "| `{}` | {severity}{sign} | **{}.** {} → {} | {} |",
                rule.id, rule.title, rule.why, rule.remedy, rule.source
            )
            .unwrap();
        }
        if theme
            .rules
            .iter()
            .any(|rule| rule.id == "unexplained-wildcard")
        {
            page.push_str(
                "\nThese wildcards are explained:\n\n| wildcard | why |\n| --- | --- |\n",
            );
            for one in INTENDED_WILDCARDS {
                writeln!(page, "| {} | {} |", one.what, one.why).unwrap();
            }
        }
    }
    page
}

#[test]
fn the_page_of_rules_is_up_to_date() {
    assert_section("docs/reference/rules.md", "rules", &page());
}
