//! What CloudFormation does not compare of a function and of its log group: the code, and the KMS
//! key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::look::seen;
use super::{DeployedResource, DeployedTemplate, DirectLooks, DriftChange, Found};
use crate::plan::same_key;

/// The zip file that a function was deployed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployedCode {
    /// The bucket.
    pub bucket: String,
    /// The object.
    pub key: String,
    /// Its version, or `None` for the newest.
    pub version: Option<String>,
}

impl DeployedCode {
    /// Returns the zip file's SHA-256 in base64, as Lambda reports it. The object keys that keyrota
    /// chooses contain it in hexadecimal.
    pub fn sha256(&self) -> Option<String> {
        let name = self.key.rsplit('/').next()?.strip_suffix(".zip")?;
        let bytes: Vec<u8> = (0..name.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(name.get(at..at + 2)?, 16).ok())
            .collect::<Option<_>>()?;
        (bytes.len() == 32).then(|| STANDARD.encode(bytes))
    }
}

impl std::fmt::Display for DeployedCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)?;
        match &self.version {
            Some(version) => write!(f, " (version {version})"),
            None => Ok(()),
        }
    }
}

/// Returns whether a function has other code than that of the zip file it was deployed from.
pub(super) fn code_drift(
    template: &DeployedTemplate<'_>,
    resource: DeployedResource<'_>,
    looks: &DirectLooks,
) -> Found {
    // CloudFormation finds out that a function is gone.
    let Some(held) = seen(looks.codes.get(resource.physical_id))? else {
        return Ok(None);
    };
    let code = template.code(resource);
    let Some((expected, code)) = code.and_then(|code| Some((code.sha256()?, code))) else {
        return Err(None);
    };
    let is_other = held.sha256 != expected;
    Ok(is_other.then(|| {
        DriftChange::Code(format!(
            "`/Code` has the SHA-256 {}, not {expected}, that of {code}",
            held.sha256
        ))
    }))
}

/// Returns whether a log group is encrypted with another KMS key than the template says. If it says
/// none, somebody else may encrypt the log group, as an organisation's rules do.
pub(super) fn log_key_drift(
    template: &DeployedTemplate<'_>,
    resource: DeployedResource<'_>,
    looks: &DirectLooks,
) -> Found {
    let Some(held) = seen(looks.log_groups.get(resource.physical_id))? else {
        return Ok(None);
    };
    if !template.has_property(resource, "KmsKeyId") {
        return Ok(None);
    }
    // CloudFormation resolves a dynamic reference, and the template does not show to what.
    let wanted = template.text(resource, "KmsKeyId");
    let Some(wanted) = wanted.filter(|wanted| !wanted.contains("{{resolve:")) else {
        return Err(None);
    };
    let held = held.kms_key.as_deref();
    let is_same = held.is_some_and(|held| same_key(held, &wanted));
    let shown = held.map_or_else(|| "nothing".to_owned(), |held| format!("`{held}`"));
    Ok((!is_same).then(|| DriftChange::LogKey(format!("`/KmsKeyId` is {shown}, not `{wanted}`"))))
}
