use std::collections::BTreeMap;

use super::*;

const LAMBDA: [(&str, &str); 4] = [
    ("AWS_REGION", "cn-north-1"),
    ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_SESSION_TOKEN", "session"),
];

fn read(more: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
    let variables: BTreeMap<_, _> = LAMBDA.iter().chain(more).copied().collect();
    Environment::read(|name| variables.get(name).map(ToString::to_string))
}

#[test]
fn lambdas_environment_is_enough() {
    let environment = read(&[]).expect("an environment");
    assert_eq!(environment.region, "cn-north-1");
    assert_eq!(environment.role.session_token(), Some("session"));
    assert_eq!(environment.iam_endpoint, None);
    assert!(!environment.fips && !environment.dual_stack);
}

#[test]
fn an_endpoint_of_a_service_comes_before_the_one_of_all() {
    let environment = read(&[
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_ENDPOINT_URL_IAM", "http://127.0.0.1:2"),
        ("AWS_ENDPOINT_URL_STS", ""),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
    ])
    .expect("an environment");
    assert_eq!(
        environment.secrets_manager_endpoint.as_deref(),
        Some("http://127.0.0.1:1")
    );
    assert_eq!(
        environment.iam_endpoint.as_deref(),
        Some("http://127.0.0.1:2")
    );
    assert_eq!(
        environment.sts_endpoint.as_deref(),
        Some("http://127.0.0.1:1")
    );
    assert!(environment.fips);
}

#[test]
fn what_is_missing_is_named() {
    for missing in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        let error = read(&[(missing, "")]).err();
        assert_eq!(
            error,
            Some(EnvironmentError::VariableMissing { name: missing })
        );
    }
}
