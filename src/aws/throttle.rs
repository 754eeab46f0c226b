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

    use aws_sdk_sts::config::timeout::TimeoutConfig;
    use aws_sdk_sts::config::{
        AsyncSleep, BehaviorVersion, Region, Sleep, StalledStreamProtectionConfig,
    };
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

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

    /// Answers each request with the same refusal. Returns how often a call is sent.
    async fn attempts(status: u16, code: &str) -> usize {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let key = KeyPair {
            id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: "secret".into(),
        };
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(endpoint)
            .http_client(http_client())
            .credentials_provider(identity::credentials(&key))
            .sleep_impl(NoSleep)
            // They would be over at once.
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .interceptor(ThrottlingPatience)
            .build();
        let client = aws_sdk_sts::Client::from_conf(config);
        let body = format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>");
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
            answer = client.get_caller_identity().send() => assert!(answer.is_err()),
        }
        count
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
            assert_eq!(attempts(status, code).await, expected, "{code}");
        }
    }
}
