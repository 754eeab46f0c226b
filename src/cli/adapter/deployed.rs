//! An adapter that is deployed: a Lambda function, invoked with the caller's credentials.

use keyrota_adapter_test::subject::Subject;
use keyrota_adapter_test::{Cause, Previous, ServiceError, response};
use keyrota_contract::adapter::Request;

use crate::port::{Cloud, ErrorKind, Invoked};

/// A Lambda function.
pub(super) struct DeployedSubject<'session> {
    pub(super) cloud: &'session dyn Cloud,
    pub(super) arn: String,
}

impl Subject for DeployedSubject<'_> {
    async fn send(&self, request: &Request<'_>) -> Result<Previous, ServiceError> {
        let payload =
            serde_json::to_string(request).map_err(|_| ServiceError::not_sent(Cause::Unbuilt))?;
        match self.cloud.invoke(&self.arn, &payload).await {
            Ok(Invoked::Answered(answer)) => response::read(request.request, answer.as_bytes()),
            Ok(Invoked::Failed(_)) => Err(ServiceError::unclear(Cause::FunctionFailed)),
            Err(error) => Err(match error.kind {
                ErrorKind::NotFound => ServiceError::not_sent(Cause::NoFunction),
                ErrorKind::Denied | ErrorKind::Credentials => ServiceError::not_sent(Cause::Denied),
                ErrorKind::Throttled => ServiceError::not_sent(Cause::Throttled),
                _ => ServiceError::unclear(Cause::NoAnswer),
            }),
        }
    }

    async fn end_process(&self) {}

    fn has_process(&self) -> bool {
        false
    }

    fn output(&self) -> String {
        String::new()
    }
}
