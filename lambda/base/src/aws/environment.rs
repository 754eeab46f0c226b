//! What Lambda's environment says: Region, credentials and endpoints.
//!
//! It is read by hand, since a function needs no more of the SDK's chain than
//! this: there are no profiles in it, and no metadata service.

use aws_credential_types::Credentials;

/// What Lambda's environment says. It has no `Debug`.
#[derive(Clone)]
pub struct Environment {
    /// The Region that it runs in.
    pub region: String,
    /// The function's role.
    pub role: Credentials,
    /// Whether endpoints are those that keep to FIPS 140.
    pub fips: bool,
    /// Whether endpoints are those that IPv6 reaches, too.
    pub dual_stack: bool,
    /// Where Secrets Manager is, if not at its own endpoint.
    pub secrets_manager_endpoint: Option<String>,
    /// The same of IAM.
    pub iam_endpoint: Option<String>,
    /// The same of STS.
    pub sts_endpoint: Option<String>,
    /// The same of S3.
    pub s3_endpoint: Option<String>,
}

/// An environment that is not Lambda's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable is absent.
    #[error(
        "start: {name} is not set, though Lambda sets it; run this program as a Lambda function"
    )]
    VariableMissing {
        /// The variable's name.
        name: &'static str,
    },
}

impl Environment {
    /// Reads the environment through `variable`.
    ///
    /// # Errors
    ///
    /// Fails where the Region or the role's credentials are absent.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let filled = |name: &str| variable(name).filter(|value| !value.is_empty());
        let required = |name| filled(name).ok_or(EnvironmentError::VariableMissing { name });
        let is_on = |name| filled(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let endpoint = |name: &str| filled(name).or_else(|| filled("AWS_ENDPOINT_URL"));
        let role = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            filled("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        Ok(Self {
            region: required("AWS_REGION")?,
            role,
            fips: is_on("AWS_USE_FIPS_ENDPOINT"),
            dual_stack: is_on("AWS_USE_DUALSTACK_ENDPOINT"),
            secrets_manager_endpoint: endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            iam_endpoint: endpoint("AWS_ENDPOINT_URL_IAM"),
            sts_endpoint: endpoint("AWS_ENDPOINT_URL_STS"),
            s3_endpoint: endpoint("AWS_ENDPOINT_URL_S3"),
        })
    }
}

#[cfg(test)]
mod tests;
