//! The tags, and the values that must keep to them.

use keyrota_function::arn::SecretArn;
use keyrota_function::pin::{Pin, PinError, RotateAs};
use keyrota_function::port::Description;

use crate::fake::SECRET_ARN;

fn read(tags: &[(&str, &str)]) -> Result<Pin, PinError> {
    let tags = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let description = Description {
        arn: SECRET_ARN.to_owned(),
        tags,
        ..Description::default()
    };
    Pin::read(&SecretArn::parse(SECRET_ARN).expect("an ARN"), &description)
}

fn tags<'tags>(
    rotate_as: &'tags str,
    user: &'tags str,
    owns: &'tags str,
) -> [(&'tags str, &'tags str); 3] {
    [
        ("keyrota:rotate-as", rotate_as),
        ("keyrota:user", user),
        ("keyrota:owns-user", owns),
    ]
}

#[test]
fn the_three_ways_to_rotate() {
    let rotate_as = |text| read(&tags(text, "u", "false")).expect("a pin").rotate_as;
    assert_eq!(rotate_as("self"), RotateAs::Own);
    assert_eq!(rotate_as("role"), RotateAs::Role);
    for administrator in [
        "ops/admin",
        "arn:aws:secretsmanager:eu-central-1:111122223333:secret:ops/admin-AbCdEf",
    ] {
        assert_eq!(
            rotate_as(administrator),
            RotateAs::Administrator(administrator.to_owned())
        );
    }
}

#[test]
fn each_tag_is_needed() {
    for missing in ["keyrota:rotate-as", "keyrota:user", "keyrota:owns-user"] {
        let mut tags = tags("self", "u", "true").to_vec();
        tags.retain(|(key, _)| *key != missing);
        let error = read(&tags).expect_err("an error");
        assert!(matches!(error, PinError::TagMissing { tag, .. } if tag == missing));
        tags.push((missing, ""));
        let error = read(&tags).expect_err("an error");
        assert!(matches!(error, PinError::TagMissing { tag, .. } if tag == missing));
    }
}

#[test]
fn a_tag_that_contradicts_is_refused() {
    for (tags, wrong) in [
        (tags("self", "u", "yes"), "keyrota:owns-user"),
        (tags("self", "u/../root", "true"), "keyrota:user"),
        (tags("self", "${aws:username}", "true"), "keyrota:user"),
        (
            tags("arn:aws:iam::111122223333:user/u", "u", "true"),
            "keyrota:rotate-as",
        ),
        (tags("prod/ci-deployer", "u", "true"), "keyrota:rotate-as"),
        (tags(SECRET_ARN, "u", "true"), "keyrota:rotate-as"),
    ] {
        let error = read(&tags).expect_err("an error");
        assert!(
            matches!(error, PinError::TagInvalid { tag, .. } if tag == wrong),
            "{wrong}"
        );
    }
}

#[test]
fn only_the_pinned_user_of_the_secrets_account_is_the_user() {
    let pin = read(&tags("self", "ci", "true")).expect("a pin");
    for arn in [
        "arn:aws:iam::111122223333:user/ci",
        "arn:aws:iam::111122223333:user/a/b/ci",
    ] {
        assert!(pin.is_user_arn(arn), "{arn}");
    }
    for arn in [
        "arn:aws:iam::111122223333:user/ci2",
        "arn:aws:iam::111122223333:user/x-ci",
        "arn:aws:iam::111122223333:user/CI",
        "arn:aws:iam::111122223333:user/ci/other",
        "arn:aws:iam::444455556666:user/ci",
        "arn:aws-cn:iam::111122223333:user/ci",
        "arn:aws:iam::111122223333:role/ci",
        "arn:aws:iam::111122223333:root",
        "arn:aws:sts::111122223333:assumed-role/user/ci",
        "",
    ] {
        assert!(!pin.is_user_arn(arn), "{arn}");
    }
}
