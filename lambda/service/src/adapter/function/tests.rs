use keyrota_function_base::aws::http_client;

use super::*;

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:444455556666:function:portal";

#[test]
fn an_invocation_has_its_own_timeouts_and_region() {
    let variable = |name: &str| Some(name.to_owned());
    let environment = Environment::read(variable).expect("an environment");
    let config = FunctionAdapter::new(environment, http_client()).config(FUNCTION);
    assert_eq!(config.region().map(AsRef::as_ref), Some("eu-west-1"));
    let timeouts = config.timeout_config().expect("timeouts");
    assert_eq!(timeouts.connect_timeout(), Some(CONNECT_TIMEOUT));
    assert_eq!(timeouts.operation_attempt_timeout(), Some(INVOKE_TIMEOUT));
    assert_eq!(timeouts.operation_timeout(), Some(INVOKE_TIMEOUT));
    let retries = config.retry_config().expect("retries");
    assert_eq!(retries.max_attempts(), 1);
}
