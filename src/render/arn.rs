//! ARNs in templates and policies, in which a part may be a placeholder.

use crate::model::AccountId;

/// The suffix that Secrets Manager adds to a name in an ARN: a hyphen and six characters, each
/// shown as IAM's wildcard for one character.
pub const SUFFIX: &str = "-??????";

/// Returns the name in the ARN of a secret, or the text itself if it is none.
pub fn secret_name(arn: &str) -> &str {
    let name = arn.split_once(":secret:").map_or(arn, |(_, name)| name);
    name.strip_suffix(SUFFIX).unwrap_or(name)
}

/// Returns an ARN's partition, service, Region, account, and resource. A placeholder, for
/// example `${AWS::Region}`, is one piece, including its colons.
pub fn parts(arn: &str) -> Option<[&str; 5]> {
    let mut rest = arn.strip_prefix("arn:")?;
    let mut parts = [""; 5];
    let last = parts.len() - 1;
    for part in &mut parts[..last] {
        let mut inside = false;
        let colon = rest.bytes().position(|byte| {
            inside = match byte {
                b'{' => true,
                b'}' => false,
                _ => inside,
            };
            byte == b':' && !inside
        })?;
        *part = &rest[..colon];
        rest = &rest[colon + 1..];
    }
    parts[last] = rest;
    Some(parts)
}

/// Returns the account number in an ARN.
pub fn account_of(arn: &str) -> Option<&str> {
    let [_, _, _, account, _] = parts(arn)?;
    AccountId::parse(account).ok().map(|_| account)
}

#[cfg(test)]
mod tests {
    use super::{account_of, parts};

    #[test]
    fn arns_with_and_without_placeholders() {
        assert_eq!(
            parts("arn:${AWS::Partition}:iam::${AWS::AccountId}:user/a:b"),
            Some([
                "${AWS::Partition}",
                "iam",
                "",
                "${AWS::AccountId}",
                "user/a:b"
            ])
        );
        assert_eq!(parts("arn:aws:s3"), None);
        assert_eq!(
            account_of("arn:aws:iam::111122223333:root"),
            Some("111122223333")
        );
        assert_eq!(account_of("arn:aws:iam::${AWS::AccountId}:root"), None);
        assert_eq!(account_of("arn:aws:s3:::bucket"), None);
    }
}
