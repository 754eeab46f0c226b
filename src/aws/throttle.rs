//! Throttled calls are retried for minutes. All other failures are retried as the SDK does.

use aws_smithy_runtime::client::retries::TokenBucket;
use aws_smithy_runtime::client::retries::classifiers::run_classifiers_on_ctx;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::retries::classifiers::{RetryAction, RetryReason};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::{ErrorKind, RetryConfig};

/// How often a throttled call is sent at most. The SDK waits a random time before each attempt,
/// at most 1 s, 2 s, 4 s, and so on up to 20 s, so that this is about four minutes.
const ATTEMPTS: u32 = 30;

/// Makes the SDK patient with throttling.
///
/// Its default of three attempts is soon used up by a command that works on many secrets, or
/// beside other tools in the same account. Its quota of retries is meant for services that send
/// requests all the time, and would end the retries of a command early.
#[derive(Debug)]
pub(super) struct ThrottlingPatience;

#[dyn_dispatch_hint]
impl Intercept for ThrottlingPatience {
    fn name(&self) -> &'static str {
        "ThrottlingPatience"
    }

    // The SDK decides on a retry after this hook.
    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let action = run_classifiers_on_ctx(components.retry_classifiers(), context.inner());
        if let RetryAction::RetryIndicated(RetryReason::RetryableError { kind, .. }) = action
            && kind == ErrorKind::ThrottlingError
        {
            config
                .interceptor_state()
                .store_put(RetryConfig::standard().with_max_attempts(ATTEMPTS))
                .store_put(TokenBucket::unlimited());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use aws_config::SdkConfig;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_sdk_sts::config::timeout::TimeoutConfig;
    use aws_sdk_sts::config::{
        AsyncSleep, BehaviorVersion, Region, SharedAsyncSleep, Sleep, StalledStreamProtectionConfig,
    };
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::json_call::{self, JsonCall};
    use super::super::{http_client, identity};
    use super::*;
    use crate::port::KeyPair;

    /// A sleep that takes no time.
    #[derive(Debug)]
    struct NoSleep;

    impl AsyncSleep for NoSleep {
        fn sleep(&self, _: Duration) -> Sleep {
            Sleep::new(std::future::ready(()))
        }
    }

    fn key() -> KeyPair {
        KeyPair {
            id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: "secret".into(),
        }
    }

    /// Answers each request with the same refusal. Returns how often the call is sent, which gets
    /// the endpoint and returns whether it fails.
    async fn attempts<Fails: Future<Output = bool>>(
        status: u16,
        body: &str,
        call: impl FnOnce(String) -> Fails,
    ) -> usize {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let answer = format!(
            "HTTP/1.1 {status} Refused\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut count = 0;
        let serve = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                count += 1;
                let mut request = [0; 4096];
                let read = stream.read(&mut request).await.unwrap();
                assert!(read > 0);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        };
        tokio::select! {
            () = serve => unreachable!("the server does not end"),
            fails = call(endpoint) => assert!(fails),
        }
        count
    }

    /// Calls a service by the client of the SDK. Returns whether the call fails.
    async fn by_client(endpoint: String) -> bool {
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(endpoint)
            .http_client(http_client())
            .credentials_provider(identity::credentials(&key()))
            .sleep_impl(NoSleep)
            // They would be over at once.
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .interceptor(ThrottlingPatience)
            .build();
        let client = aws_sdk_sts::Client::from_conf(config);
        client.get_caller_identity().send().await.is_err()
    }

    /// Calls a service that has no client here. Returns whether the call fails.
    async fn by_json(endpoint: String) -> bool {
        let credentials = SharedCredentialsProvider::new(identity::credentials(&key()));
        let config = SdkConfig::builder()
            .region(Region::from_static("us-east-1"))
            .endpoint_url(endpoint)
            .http_client(http_client())
            .credentials_provider(credentials)
            .sleep_impl(SharedAsyncSleep::new(NoSleep))
            .timeout_config(TimeoutConfig::disabled())
            .build();
        let call = JsonCall {
            call: "sqs:GetQueueUrl",
            service: "sqs",
            target: "AmazonSQS.GetQueueUrl",
            media_type: "application/x-amz-json-1.0",
        };
        json_call::send(&config, call, &json!({})).await.is_err()
    }

    #[tokio::test]
    async fn only_throttled_calls_are_sent_for_minutes() {
        let patient = usize::try_from(ATTEMPTS).unwrap();
        for (status, code, expected) in [
            (400, "Throttling", patient),
            (503, "SlowDown", patient),
            (400, "RequestLimitExceeded", patient),
            (500, "InternalError", 3),
            (403, "AccessDenied", 1),
        ] {
            let body = format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>");
            assert_eq!(attempts(status, &body, by_client).await, expected, "{code}");
        }
    }

    #[tokio::test]
    async fn so_are_those_of_services_without_a_client() {
        let patient = usize::try_from(ATTEMPTS).unwrap();
        for (status, code, expected) in [
            (400, "com.amazonaws.sqs#RequestThrottled", patient),
            (400, "ThrottlingException", patient),
            (503, "ThrottlingException", patient),
            (500, "InternalFailure", 3),
            (400, "com.amazonaws.sqs#QueueDoesNotExist", 1),
        ] {
            let body = json!({ "__type": code }).to_string();
            assert_eq!(attempts(status, &body, by_json).await, expected, "{code}");
        }
    }
}
