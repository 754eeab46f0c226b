use keyrota_adapter_test::guarantee::Guarantee;
use keyrota_adapter_test::report::Report;

use super::{script, shown};
use crate::view::AdapterResult;

#[test]
fn a_broken_guarantee_has_its_reason() {
    let mut report = Report::default();
    report.holds(Guarantee::ChangeTakesEffect);
    report.broken(
        Guarantee::LoginTellsPasswordsApart,
        "a wrong password\u{1b}[2J succeeded",
    );
    report.not_tested(Guarantee::OutputHasNoSecret, "it has no output");
    let mut result = AdapterResult {
        adapter: "portal.yaml".to_owned(),
        is_restored: None,
        report,
    };
    let text = shown(&result);
    assert!(text.contains("broken      1      A login tells"), "{text}");
    assert!(text.contains("do not rotate a password with it"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    let json = script(&result);
    assert!(json.contains("\"state\": \"not_tested\""), "{json}");
    assert!(json.contains("\"sound\": false"), "{json}");
    assert!(json.contains("\"password_restored\": null"), "{json}");
    result.report = Report::default();
    assert!(shown(&result).contains("keeps its guarantees with the mock service"));
    result.is_restored = Some(false);
    let json = script(&result);
    assert!(json.contains("\"service\": \"real\""), "{json}");
    assert!(json.contains("\"password_restored\": false"), "{json}");
}
