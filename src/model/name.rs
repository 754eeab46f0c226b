//! Names that AWS accepts, each with its own type, so that a user's name cannot be used as a
//! secret's.

use std::fmt;

macro_rules! name {
    ($(#[$meta:meta])* $name:ident, $check:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks the text against AWS's rules.
            ///
            /// # Errors
            ///
            /// Returns why AWS would refuse it.
            pub fn parse(text: &str) -> Result<Self, String> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a CloudFormation stack: a letter, then letters, digits, and hyphens, at most 128
    /// (`API_CreateStack`).
    StackName,
    check_stack
);
name!(
    /// The name of a secret (`API_CreateSecret`): 1 to 512 letters, digits, and `/_+=.@-`, not
    /// ending in a hyphen and six characters, which looks like the suffix of an ARN.
    SecretName,
    check_secret
);
name!(
    /// The name of a secret that the stack does not own (`API_DescribeSecret`). A service that
    /// manages a secret also uses `!`, as in `rds!cluster-…` ("Secrets managed by other AWS
    /// services" in the Secrets Manager User Guide).
    ReferencedName,
    check_referenced
);
name!(
    /// The name of an IAM user (`API_CreateUser`): 1 to 64 letters, digits, and `+=,.@_-`.
    UserName,
    check_user
);
name!(
    /// An AWS account ID: twelve digits.
    AccountId,
    check_account
);
name!(
    /// The ID of an organizational unit, such as `ou-ab12-cdef3456`, or of a root, such as `r-ab12`
    /// (`API_OrganizationalUnit` and `API_Root`, in the AWS Organizations API Reference).
    UnitId,
    check_unit
);
name!(
    /// The name of a Region, such as `ap-northeast-2`.
    Region,
    check_region
);
name!(
    /// The name of an S3 bucket (`bucketnamingrules`).
    BucketName,
    check_bucket
);
name!(
    /// An IAM path (`reference_identifiers`): begins and ends with a slash, at most 512 characters.
    /// Characters that would be a wildcard or a variable in a policy's ARN are refused.
    IamPath,
    check_path
);
name!(
    /// The address of a server: a DNS name (RFC 1123) or an IP address, at most 253 characters.
    HostName,
    check_host
);
name!(
    /// An Amazon Resource Name.
    Arn,
    check_arn
);

impl Arn {
    /// Returns the parts after `arn:`: partition, service, Region, account, resource.
    pub fn parts(&self) -> [&str; 5] {
        let mut parts = self.0.splitn(6, ':').skip(1);
        std::array::from_fn(|_| parts.next().unwrap_or_default())
    }
}

impl IamPath {
    /// Returns whether it is `/`, which users and roles without a path have.
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }
}

impl Region {
    /// Returns the Region's partition.
    pub fn partition(&self) -> &'static str {
        match self.0.split('-').next() {
            Some("cn") => "aws-cn",
            Some("us") if self.0.starts_with("us-gov-") => "aws-us-gov",
            Some("us") if self.0.starts_with("us-iso-") => "aws-iso",
            Some("us") if self.0.starts_with("us-isob-") => "aws-iso-b",
            Some("us") if self.0.starts_with("us-isof-") => "aws-iso-f",
            Some("eu") if self.0.starts_with("eu-isoe-") => "aws-iso-e",
            Some("eusc") => "aws-eusc",
            _ => "aws",
        }
    }

    /// Returns the DNS suffix of the services in its partition, which is `AWS::URLSuffix` in a
    /// stack.
    pub fn dns_suffix(&self) -> &'static str {
        match self.partition() {
            "aws-cn" => "amazonaws.com.cn",
            "aws-eusc" => "amazonaws.eu",
            "aws-iso" => "c2s.ic.gov",
            "aws-iso-b" => "sc2s.sgov.gov",
            "aws-iso-e" => "cloud.adc-e.uk",
            "aws-iso-f" => "csp.hci.ic.gov",
            _ => "amazonaws.com",
        }
    }
}

fn check_stack(text: &str) -> Result<(), String> {
    length(text, 1, 128)?;
    if !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Err(format!("`{text}` does not begin with a letter"));
    }
    characters(text, "-")
}

fn check_secret(text: &str) -> Result<(), String> {
    if text.starts_with("arn:") {
        return Err(format!(
            "`{text}` is an ARN; specify the name of a secret in this account and Region"
        ));
    }
    length(text, 1, 512)?;
    characters(text, "/_+=.@-")?;
    if ends_like_an_arn(text) {
        return Err(format!(
            "`{text}` ends with a hyphen and six characters, which Secrets Manager interprets as the suffix of an ARN"
        ));
    }
    Ok(())
}

fn check_referenced(text: &str) -> Result<(), String> {
    length(text, 1, 512)?;
    characters(text, "/_+=.@-!")?;
    if ends_like_an_arn(text) {
        return Err(format!(
            "`{text}` ends with a hyphen and six characters, which Secrets Manager interprets as the suffix of an ARN; write the complete ARN of this secret"
        ));
    }
    Ok(())
}

fn ends_like_an_arn(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 7 && bytes[bytes.len() - 7] == b'-'
}

fn check_user(text: &str) -> Result<(), String> {
    length(text, 1, 64)?;
    characters(text, "+=,.@_-")
}

fn check_account(text: &str) -> Result<(), String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(format!("`{text}` is not an AWS account ID of 12 digits"))
    }
}

fn check_unit(text: &str) -> Result<(), String> {
    let part = |part: &str, shortest: usize| {
        (shortest..=32).contains(&part.len())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let parts: Vec<&str> = text.split('-').collect();
    match parts[..] {
        ["r", root] if part(root, 4) => Ok(()),
        ["ou", root, unit] if part(root, 4) && part(unit, 8) => Ok(()),
        _ => Err(format!(
            "`{}` is not the ID of an organizational unit, such as ou-ab12-cdef3456, or of a root, such as r-ab12",
            text.escape_debug()
        )),
    }
}

fn check_host(text: &str) -> Result<(), String> {
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Ok(());
    }
    let label = |label: &str| {
        let inner = |one: char| one.is_ascii_alphanumeric() || one == '-' || one == '_';
        matches!(label.len(), 1..=63)
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() > 253 || !text.split('.').all(label) {
        return Err(format!(
            "`{text}` is not a host name or an address; specify the port with `port`"
        ));
    }
    Ok(())
}

fn check_region(text: &str) -> Result<(), String> {
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let dashes = text.bytes().filter(|byte| *byte == b'-').count();
    let ends = text
        .bytes()
        .last()
        .is_some_and(|byte| byte.is_ascii_digit());
    if text.len() <= 32 && text.bytes().all(lower) && dashes >= 2 && ends {
        Ok(())
    } else {
        Err(format!("`{text}` is not a Region such as ap-northeast-2"))
    }
}

fn check_bucket(text: &str) -> Result<(), String> {
    length(text, 3, 63)?;
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let allowed = |byte: u8| alphanumeric(byte) || byte == b'-' || byte == b'.';
    let ends = [text.bytes().next(), text.bytes().last()];
    if !text.bytes().all(allowed) || !ends.into_iter().flatten().all(alphanumeric) {
        return Err(format!(
            "`{text}` is not a bucket name: use lowercase letters, digits, hyphens, and dots, with a letter or digit at the beginning and at the end"
        ));
    }
    Ok(())
}

fn check_path(text: &str) -> Result<(), String> {
    length(text, 1, 512)?;
    if !text.starts_with('/') || !text.ends_with('/') {
        return Err(format!("`{text}` does not begin and end with a slash"));
    }
    if text == "//" {
        return Err("`//` has nothing between its slashes; write `/` for no path".to_owned());
    }
    let refused = |one: &char| !one.is_ascii_graphic() || "*?$".contains(*one);
    match text.chars().find(refused) {
        None => Ok(()),
        Some(one) => Err(format!(
            "`{}` contains {one:?}; a path can contain printable ASCII characters except spaces, *, ?, and $",
            text.escape_debug()
        )),
    }
}

fn check_arn(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    match parts[..] {
        ["arn", partition, service, _, _, resource]
            if !partition.is_empty()
                && !service.is_empty()
                && !resource.is_empty()
                && printable =>
        {
            // The ARN of a bucket with a name of three characters is the shortest.
            length(text, 16, 2_048)
        }
        _ => Err(format!(
            "`{text}` is not an ARN (arn:partition:service:region:account:resource)"
        )),
    }
}

fn length(text: &str, low: usize, high: usize) -> Result<(), String> {
    let count = text.chars().count();
    if (low..=high).contains(&count) {
        return Ok(());
    }
    Err(match count {
        0 => "the name is empty".to_owned(),
        _ => format!("the name has {count} characters, but must have {low} to {high}"),
    })
}

fn characters(text: &str, extra: &str) -> Result<(), String> {
    let refused = |one: &char| !one.is_ascii_alphanumeric() && !extra.contains(*one);
    match text.chars().find(refused) {
        None => Ok(()),
        Some(one) => Err(format!(
            "`{}` contains {one:?}; use letters, digits, and {}",
            text.escape_debug(),
            extra
                .chars()
                .map(String::from)
                .collect::<Vec<_>>()
                .join(" ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_looks_like_a_partial_arn() {
        assert!(SecretName::parse("prod/ci-deploy").is_err());
        assert!(SecretName::parse("-abcdef").is_err());
        assert!(SecretName::parse("prod/ci-deployer").is_ok());
        assert!(SecretName::parse("abcdef").is_ok());
    }

    #[test]
    fn refuses_names_that_aws_refuses() {
        assert!(UserName::parse("ci deployer").is_err());
        assert!(UserName::parse(&"a".repeat(65)).is_err());
        assert!(UserName::parse("a+b=c,d.e@f_g-h").is_ok());
        assert!(StackName::parse("1st").is_err());
        assert!(StackName::parse("a_b").is_err());
        assert!(AccountId::parse("12345678901").is_err());
        assert!(Region::parse("ap-northeast-2").is_ok());
        assert!(Region::parse("Seoul").is_err());
        assert!(BucketName::parse("Bucket").is_err());
        assert!(Arn::parse("arn:aws:kms:eu-west-1:111122223333:key/abc").is_ok());
        assert!(Arn::parse("arn:aws:kms").is_err());
        for path in ["/", "/a/", "/team/keys/"] {
            assert!(IamPath::parse(path).is_ok(), "{path}");
        }
        let long = format!("/{}/", "a".repeat(511));
        for path in [
            "", "a/", "/a", "//", "/a b/", "/a*/", "/${x}/", "/é/", &long,
        ] {
            assert!(IamPath::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn takes_an_arn_apart() {
        let arn =
            Arn::parse("arn:aws:secretsmanager:eu-west-1:111122223333:secret:a/b-AbCdEf").unwrap();
        assert_eq!(arn.parts()[4], "secret:a/b-AbCdEf");
        for (region, partition) in [
            ("eu-west-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert_eq!(Region::parse(region).unwrap().partition(), partition);
        }
    }
}
