//! `docs/rules.md` is made from the table of rules.

use std::fmt::Write as _;
use std::path::Path;

use crate::model::Severity;
use crate::render::{EXPLAINED, THEMES};

const HEAD: &str = "\
# Rules

What `keyrota generate`, `plan` and `bootstrap` hold a rendered stack to, and what they hold templates of your own to.
This page is made from the code; `KEYROTA_UPDATE=1 cargo test --lib --no-default-features rules` makes it again.

An **error** refuses the stack, a **warning** is told. What is marked ● is refused by AWS itself. Anything else can be
accepted in the manifest, with a reason that stands in the review:

```yaml
exceptions:
  - rule: alarm-without-subscriber
    resource: AlarmTopic # a logical ID or a path; left out, it is accepted everywhere
    reason: The platform team's own subscription is made outside this stack
```
";

fn page() -> String {
    let mut page = HEAD.to_owned();
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
            for one in EXPLAINED {
                writeln!(page, "| {} | {} |", one.what, one.why).unwrap();
            }
        }
    }
    page
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test holds a page of the documentation to the code"
)]
fn the_page_of_rules_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md");
    if std::env::var_os("KEYROTA_UPDATE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        held == page(),
        "docs/rules.md is not what the rules say; \
         KEYROTA_UPDATE=1 cargo test --lib --no-default-features rules writes it"
    );
}
