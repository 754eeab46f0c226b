//! The tags of an old key and of a probe.

use std::time::Duration;

use keyrota_function::arn::SecretArn;
use keyrota_function::pin::PinError;
use keyrota_function::port::Description;
use keyrota_function::retire::{Policy, Timetable};
use keyrota_function::tag::{self, Permission};
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

fn probe(text: Option<&str>) -> Result<Option<Permission>, PinError> {
    let (secret, description) = tagged("keyrota:probe", text);
    tag::probe(&secret, &description)
}

#[test]
fn a_probe_is_one_of_two() {
    assert_eq!(probe(None), Ok(None));
    for bucket in ["artifacts", "my.artifacts-2", "abc"] {
        let text = format!("s3:ListBucket arn:aws:s3:::{bucket} eu-west-1");
        let permission = probe(Some(&text)).expect("a probe").expect("one");
        assert_eq!(
            permission.to_string(),
            format!("s3:ListBucket on arn:aws:s3:::{bucket}")
        );
        let expected = Permission::ListBucket {
            partition: "aws".to_owned(),
            bucket: bucket.to_owned(),
            region: "eu-west-1".to_owned(),
        };
        assert_eq!(permission, expected);
    }
    for role in [
        "arn:aws:iam::111122223333:role/deploy",
        "arn:aws:iam::444455556666:role/a/b/de-ploy_1",
    ] {
        let permission = probe(Some(&format!("sts:AssumeRole {role}")));
        let role = role.to_owned();
        assert_eq!(permission, Ok(Some(Permission::AssumeRole { role })));
    }
}

#[test]
fn a_probe_that_makes_no_sense_is_refused() {
    for text in [
        "",
        "s3:ListBucket",
        "s3:ListBucket arn:aws:s3:::artifacts",
        "s3:ListBucket arn:aws:s3:::artifacts ",
        "s3:ListBucket arn:aws:s3:::artifacts eu-west-1 more",
        "s3:ListBucket arn:aws:s3:::artifacts/* eu-west-1",
        "s3:ListBucket arn:aws:s3:::evil.example/ eu-west-1",
        "s3:ListBucket arn:aws:s3:::user@evil eu-west-1",
        "s3:ListBucket arn:aws:s3:::-artifacts eu-west-1",
        "s3:ListBucket arn:aws:s3:::a..b eu-west-1",
        "s3:ListBucket arn:aws:s3:::ab eu-west-1",
        "s3:ListBucket arn:aws:s3:::Artifacts eu-west-1",
        "s3:ListBucket arn:aws:s3:::artifacts eu-west-1.evil.example",
        "s3:ListBucket arn:aws:s3:eu-west-1:111122223333:accesspoint/x eu-west-1",
        "s3:ListBucket artifacts eu-west-1",
        "s3:GetObject arn:aws:s3:::artifacts eu-west-1",
        "sts:AssumeRole",
        "sts:AssumeRole arn:aws:iam::111122223333:role/",
        "sts:AssumeRole arn:aws:iam::1111:role/deploy",
        "sts:AssumeRole arn:aws:iam::111122223333:user/deploy",
        "sts:AssumeRole arn:aws:iam::111122223333:role/deploy eu-west-1",
        "sts:AssumeRole deploy",
        // Another partition: the user's keys are worth nothing there.
        "s3:ListBucket arn:aws-cn:s3:::artifacts cn-north-1",
        "sts:AssumeRole arn:aws-us-gov:iam::111122223333:role/deploy",
    ] {
        let error = probe(Some(text)).expect_err(text);
        assert_eq!(error.name(), "TagInvalid", "{text}");
        let said = error.to_string();
        assert!(said.contains("`keyrota:probe`") && said.contains("keyrota bootstrap"));
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(text in ".*") {
        let _ = (old_key(Some(&text)), probe(Some(&text)));
    }
}
