//! Settings that are a word, a name, or an ARN.

use super::{AccountId, Arn, KmsKey, ReferencedName, RotateAs, SecretReference};

/// The longest value of a tag (`API_Tag`).
const MAX_TAG: usize = 256;

/// Reads the principal that changes a credential.
pub(super) fn parse_rotate_as(text: &str) -> Result<RotateAs, String> {
    match text {
        "self" => Ok(RotateAs::Itself),
        "role" => Ok(RotateAs::Role),
        _ => parse_administrator(text)
            .map(RotateAs::Administrator)
            .map_err(
                |why| match text.starts_with("arn:") || text.len() > MAX_TAG {
                    true => why,
                    false => format!("expected self, role, or an administrator's secret: {why}"),
                },
            ),
    }
}

/// Reads the name or full ARN of an administrator's secret.
pub(super) fn parse_administrator(text: &str) -> Result<SecretReference, String> {
    match text {
        _ if text.starts_with("arn:") => parse_secret_arn(text).map(SecretReference::Arn),
        // The function compares it with a tag of the secret.
        _ if text.len() > MAX_TAG => Err(format!(
            "the name of an administrator's secret can have at most {MAX_TAG} characters"
        )),
        _ => ReferencedName::parse(text).map(SecretReference::Name),
    }
}

/// Reads the full ARN of a secret. A partial ARN would refer to another secret as soon as one with
/// the same prefix exists. Only the full ARN, with its suffix, is unambiguous.
pub(super) fn parse_secret_arn(text: &str) -> Result<Arn, String> {
    let arn = Arn::parse(text)?;
    let [_, service, _, _, resource] = arn.parts();
    let full = resource
        .strip_prefix("secret:")
        .and_then(|name| name.rsplit_once('-'))
        .is_some_and(|(_, suffix)| suffix.len() == 6);
    if service != "secretsmanager" || !full {
        return Err(format!("`{text}` is not the complete ARN of a secret"));
    }
    Ok(arn)
}

/// Reads a KMS key for secrets.
pub(super) fn parse_kms_key(text: &str) -> Result<KmsKey, String> {
    match text {
        "aws/secretsmanager" => Ok(KmsKey::AwsManaged),
        "create" => Ok(KmsKey::Create),
        _ => {
            let refused = || {
                format!(
                    "expected aws/secretsmanager, create, or the ARN of a KMS key, found `{text}`"
                )
            };
            let arn = Arn::parse(text).map_err(|_| refused())?;
            let [_, service, _, _, resource] = arn.parts();
            if service == "kms" && resource.starts_with("key/") {
                Ok(KmsKey::Existing(arn))
            } else {
                Err(refused())
            }
        }
    }
}

/// A principal that may read a secret.
pub(super) enum NamedReader {
    /// The IAM user whose access key is in the secret.
    Itself,
    /// A role, a user, or an account's root.
    Arn(Arn),
}

/// Reads a principal that may read a secret.
pub(super) fn parse_reader(text: &str) -> Result<NamedReader, String> {
    if text == "self" {
        return Ok(NamedReader::Itself);
    }
    let refused =
        || format!("`{text}` is not self, or the ARN of an IAM role, a user, or an account's root");
    let arn = Arn::parse(text).map_err(|_| refused())?;
    let [_, service, _, account, resource] = arn.parts();
    AccountId::parse(account).map_err(|_| refused())?;
    let principal =
        resource == "root" || resource.starts_with("role/") || resource.starts_with("user/");
    if service == "iam" && principal && !text.contains(['*', '?', '$']) {
        Ok(NamedReader::Arn(arn))
    } else {
        Err(refused())
    }
}
