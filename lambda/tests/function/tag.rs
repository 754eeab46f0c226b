//! The tags of an old key and of a probe.

use std::time::Duration;

use keyrota_function::arn::SecretArn;
use keyrota_function::pin::PinError;
use keyrota_function::port::Description;
use keyrota_function::retire::{Policy, Timetable};
use keyrota_function::tag;
use proptest::prelude::*;

use crate::fake::SECRET_ARN;

fn tagged(tag: &str, text: Option<&str>) -> (SecretArn, Description) {
    let tags = text.map(|text| (tag.to_owned(), text.to_owned()));
    let description = Description {
        arn: SECRET_ARN.to_owned(),
        tags: tags.into_iter().collect(),
        ..Description::default()
    };
    (SecretArn::parse(SECRET_ARN).expect("an ARN"), description)
}

fn old_key(text: Option<&str>) -> Result<Policy, PinError> {
    let (secret, description) = tagged("keyrota:old-key", text);
    tag::old_key(&secret, &description)
}

fn timed(seconds: [u64; 3], force_after: Option<u64>) -> Policy {
    let [deactivate_after, delete_after, hold_if_used_within] = seconds.map(Duration::from_secs);
    Policy::Timed(Timetable {
        deactivate_after,
        delete_after,
        hold_if_used_within,
        force_after: force_after.map(Duration::from_secs),
    })
}

#[test]
fn what_the_stack_writes_is_understood() {
    for (text, expected) in [
        (None, Policy::UntilNextRotation),
        (Some("until_next_rotation"), Policy::UntilNextRotation),
        (
            Some("deactivate_after=1d delete_after=7d hold_if_used_within=1d"),
            timed([86_400, 604_800, 86_400], None),
        ),
        (
            Some("deactivate_after=0s delete_after=0s hold_if_used_within=0s"),
            timed([0, 0, 0], None),
        ),
        (
            Some("deactivate_after=90s delete_after=15m hold_if_used_within=4h force_after=30d"),
            timed([90, 900, 14_400], Some(2_592_000)),
        ),
    ] {
        assert_eq!(old_key(text), Ok(expected), "{text:?}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for text in [
        "",
        " ",
        "until_next_rotation ",
        "never",
        "deactivate_after=1d",
        "deactivate_after=1d delete_after=7d",
        "delete_after=7d deactivate_after=1d hold_if_used_within=1d",
        "deactivate_after=1d  delete_after=7d hold_if_used_within=1d",
        "deactivate_after=1d delete_after=7d hold_if_used_within=1d ",
        "deactivate_after=1d delete_after=7d hold_if_used_within=1d force_after=",
        "deactivate_after=1d delete_after=7d hold_if_used_within=1d force_after=30d more=1d",
        "deactivate_after=1d delete_after=7d hold_if_used_within=1d patience=30d",
        "deactivate_after=-1d delete_after=7d hold_if_used_within=1d",
        "deactivate_after=1w delete_after=7d hold_if_used_within=1d",
        "deactivate_after=é delete_after=7d hold_if_used_within=1d",
        "deactivate_after=99999999999999999999d delete_after=7d hold_if_used_within=1d",
        "deactivate_after=9999999999999999999d delete_after=7d hold_if_used_within=1d",
        // Contradictions.
        "deactivate_after=7d delete_after=1d hold_if_used_within=1d",
        "deactivate_after=7d delete_after=7d hold_if_used_within=1d force_after=6d",
    ] {
        let error = old_key(Some(text)).expect_err(text);
        assert_eq!(error.name(), "TagInvalid");
        let said = error.to_string();
        assert!(said.contains("`keyrota:old-key`") && said.contains("keyrota bootstrap"));
        assert!(text.len() < 20 || !said.contains(text), "{said}");
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(text in ".*") {
        let _ = old_key(Some(&text));
    }
}
