//! The Region, the credentials, and the endpoints in Lambda's environment.
//!
//! This module reads the variables itself, since a function needs no other part of the SDK's
//! provider chain: it has no profiles and no metadata service.

use aws_credential_types::Credentials;

/// The settings in Lambda's environment. The type has no `Debug`, because it contains
/// credentials.
#[derive(Clone)]
pub struct Environment {
    /// The Region that the function runs in.
    pub region: String,
    /// The credentials of the execution role.
    pub role: Credentials,
    /// Whether to use FIPS endpoints.
    pub fips: bool,
    /// Whether to use dual-stack endpoints.
    pub dual_stack: bool,
    /// The endpoint of Secrets Manager, if it is not the default.
    pub secrets_manager_endpoint: Option<String>,
    /// The endpoint of IAM, if it is not the default.
    pub iam_endpoint: Option<String>,
    /// The endpoint of STS, if it is not the default.
    pub sts_endpoint: Option<String>,
    /// The endpoint of S3, if it is not the default.
    pub s3_endpoint: Option<String>,
    /// The endpoint of Lambda, if it is not the default.
    pub lambda_endpoint: Option<String>,
}

/// The environment is not Lambda's.
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
    /// Reads the environment. `variable` returns the value of a variable.
    ///
    /// # Errors
    ///
    /// Fails if the Region or the role's credentials are absent.
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
            lambda_endpoint: endpoint("AWS_ENDPOINT_URL_LAMBDA"),
        })
    }
}

#[cfg(test)]
mod tests;
