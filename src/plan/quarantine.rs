//! AWS's quarantine of a user whose access key has leaked.
//!
//! AWS attaches one of its managed policies to the user of a key that it finds in public, and asks
//! the account's owner not to detach it before the support case about it is settled. keyrota
//! recognizes the policies and never detaches them. Source: `AWSCompromisedKeyQuarantine` to
//! `AWSCompromisedKeyQuarantineV4` in the AWS managed policy reference.

use std::fmt;

/// The beginning of the policies' names. AWS has published a new version every other year.
const PREFIX: &str = "AWSCompromisedKeyQuarantine";

/// The ends of the names whose documents are published: all of them deny [`DENIED`].
const PUBLISHED: [&str; 4] = ["", "V2", "V3", "V4"];

/// The denied actions that a rotation needs.
const DENIED: [&str; 2] = ["iam:CreateAccessKey", "iam:UpdateAccessKey"];

/// The policies with which AWS has put a user under quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// The ARNs of the policies, at least one.
    policies: Vec<String>,
}

impl Quarantine {
    /// Returns the quarantine of a user to whom these managed policies are attached, if it is under
    /// one. A policy that an account created itself under such a name is none.
    pub fn of(attached: &[String]) -> Option<Self> {
        let policies = attached.iter().filter(|arn| name(arn).is_some());
        let policies: Vec<String> = policies.cloned().collect();
        (!policies.is_empty()).then_some(Self { policies })
    }

    /// Returns the ARNs of its policies.
    pub fn policies(&self) -> &[String] {
        &self.policies
    }

    /// Returns whether it is known that the user itself may neither create nor change access keys.
    pub fn denies_rotation(&self) -> bool {
        self.policies.iter().any(|arn| is_published(arn))
    }

    /// Returns what it denies of what a rotation needs, as a sentence says it.
    pub fn denied(&self) -> String {
        match self.denies_rotation() {
            true => format!("denies the user {} and more", DENIED.join(", ")),
            false => format!(
                "is newer than this program, and its predecessors deny the user {}",
                DENIED.join(", ")
            ),
        }
    }
}

/// Lists the names of the policies.
impl fmt::Display for Quarantine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.policies.iter().filter_map(|arn| name(arn)).collect();
        formatter.write_str(&names.join(", "))
    }
}

/// Returns the name of a quarantine policy with this ARN. AWS owns such a policy, in each
/// partition: its ARN has `aws` in the place of an account.
fn name(arn: &str) -> Option<&str> {
    let (_partition, rest) = arn.strip_prefix("arn:")?.split_once(':')?;
    let name = rest.strip_prefix("iam::aws:policy/")?;
    // A policy can be below a path.
    let name = name.rsplit('/').next().unwrap_or(name);
    name.starts_with(PREFIX).then_some(name)
}

fn is_published(arn: &str) -> bool {
    let version = name(arn).and_then(|name| name.strip_prefix(PREFIX));
    version.is_some_and(|version| PUBLISHED.contains(&version))
}

#[cfg(test)]
mod tests {
    use super::Quarantine;

    fn of(arns: &[&str]) -> Option<Quarantine> {
        let arns: Vec<String> = arns.iter().map(|arn| (*arn).to_owned()).collect();
        Quarantine::of(&arns)
    }

    #[test]
    fn every_version_is_recognized() {
        for version in ["", "V2", "V3", "V4", "V5", "V12"] {
            let arn = format!("arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine{version}");
            let found = of(&["arn:aws:iam::aws:policy/ReadOnlyAccess", &arn]).unwrap();
            assert_eq!(found.policies(), [arn]);
            assert_eq!(
                found.to_string(),
                format!("AWSCompromisedKeyQuarantine{version}")
            );
            let is_published = ["", "V2", "V3", "V4"].contains(&version);
            assert_eq!(found.denies_rotation(), is_published, "{version}");
            assert!(found.denied().contains("iam:CreateAccessKey"));
        }
        assert!(of(&["arn:aws-cn:iam::aws:policy/AWSCompromisedKeyQuarantineV3"]).is_some());
    }

    #[test]
    fn only_policies_of_aws_are_a_quarantine() {
        assert_eq!(of(&[]), None);
        for arn in [
            "arn:aws:iam::111122223333:policy/AWSCompromisedKeyQuarantineV3",
            "arn:aws:iam::aws:policy/MyAWSCompromisedKeyQuarantine",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "arn:aws:iam::aws:role/AWSCompromisedKeyQuarantineV3",
            "AWSCompromisedKeyQuarantineV3",
        ] {
            assert_eq!(of(&[arn]), None, "{arn}");
        }
    }

    #[test]
    fn several_are_listed() {
        let found = of(&[
            "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2",
            "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV9",
        ])
        .unwrap();
        assert_eq!(
            found.to_string(),
            "AWSCompromisedKeyQuarantineV2, AWSCompromisedKeyQuarantineV9"
        );
        assert!(found.denies_rotation());
    }
}
