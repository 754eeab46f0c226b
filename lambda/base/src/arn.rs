//! Parses the ARN of a secret.

use std::fmt;

/// The ARN of a secret:
/// `arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME-XXXXXX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretArn {
    text: String,
    partition: String,
    region: String,
    account: String,
    name: String,
}

impl SecretArn {
    /// Returns the ARN, or `None` if the text is not a secret's ARN.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(7, ':');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        if next()? != "arn" {
            return None;
        }
        let partition = next()?;
        if next()? != "secretsmanager" {
            return None;
        }
        let region = next()?;
        let account = next()?;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        if next()? != "secret" {
            return None;
        }
        let name = next()?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-!".contains(&byte);
        if !name.bytes().all(allowed) {
            return None;
        }
        Some(Self {
            text: text.to_owned(),
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            name: without_suffix(name).to_owned(),
        })
    }

    /// Returns the `SecretId` for requests to Secrets Manager: the whole ARN, or the name if
    /// only the name of the secret is known.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the partition, such as `aws-cn`.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// Returns the Region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Returns the twelve digits of the account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Returns the secret's name without the hyphen and the six characters that Secrets Manager
    /// appends.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the secret with a name in the same account and Region. Requests identify it by
    /// its name, since the six characters at the end of its ARN are unknown.
    pub fn beside(&self, name: &str) -> Self {
        Self {
            text: name.to_owned(),
            name: name.to_owned(),
            ..self.clone()
        }
    }

    /// Returns whether two secrets are in the same account and Region.
    pub fn is_beside(&self, other: &Self) -> bool {
        (&self.partition, &self.region, &self.account)
            == (&other.partition, &other.region, &other.account)
    }
}

impl fmt::Display for SecretArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn without_suffix(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((stem, suffix))
            if !stem.is_empty()
                && suffix.len() == 6
                && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            stem
        }
        _ => name,
    }
}
