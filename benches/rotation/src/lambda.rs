//! The environment of a function in Lambda.
//!
//! Source: "Defined runtime environment variables" in the Lambda Developer Guide.

use std::path::Path;

use crate::authority::Authority;
use crate::stub::Stub;
use crate::stub::account::{REGION, ROLE_KEY};

pub const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:111122223333:function:bench-rotation";
const FUNCTION_NAME: &str = "bench-rotation";

/// Returns the environment of a function's process.
pub fn environment(
    runtime_api: &str,
    task_root: &Path,
    handler: &str,
    authority: &Authority,
    stub: &Stub,
) -> Vec<(&'static str, String)> {
    let trusted = authority.trusted.display().to_string();
    let mut variables = vec![
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("_HANDLER", handler.to_owned()),
        ("LAMBDA_TASK_ROOT", task_root.display().to_string()),
        // The file with the benchmark's authority, for rustls and for boto3.
        ("SSL_CERT_FILE", trusted.clone()),
        ("AWS_CA_BUNDLE", trusted),
    ];
    let same = [
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ROLE_KEY),
        ("AWS_SECRET_ACCESS_KEY", "stub/role"),
        ("AWS_SESSION_TOKEN", "stub/session"),
        ("AWS_LAMBDA_FUNCTION_NAME", FUNCTION_NAME),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench-rotation"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ];
    variables.extend(same.map(|(name, value)| (name, value.to_owned())));
    variables.extend(stub.variables().iter().cloned());
    variables
}
