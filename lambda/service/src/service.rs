//! The port for services, without the types of the SDK and of HTTP.

use std::collections::BTreeMap;
use std::fmt;

pub use keyrota_contract::adapter::{Operation, Previous};
pub use keyrota_contract::pins::service::Adapter;
use keyrota_contract::url::HttpsUrl;
use secrecy::SecretString;

/// The user of a service, and the adapter that knows the service. All of it is pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user name.
    pub username: String,
    /// The adapter.
    pub adapter: Adapter,
    /// The settings that the adapter gets with each request.
    pub settings: BTreeMap<String, String>,
}

impl Account {
    /// Returns the service as errors call it: by the host that an HTTP adapter sends this request to, or by
    /// the ARN of the adapter's function.
    pub fn service(&self, operation: Operation) -> String {
        let http = match &self.adapter {
            Adapter::Function(arn) => return format!("the service behind {arn}"),
            Adapter::Http(http) => http,
        };
        let request = match operation {
            Operation::Authenticate => &http.authenticate,
            Operation::Change => &http.change,
        };
        match HttpsUrl::parse(&request.url) {
            Ok(HttpsUrl {
                host, port: 443, ..
            }) => host.to_owned(),
            Ok(HttpsUrl { host, port, .. }) => format!("{host}:{port}"),
            Err(_) => "the service".to_owned(),
        }
    }
}

/// A service, through its adapter. Each call has its own timeout.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Service {
    /// Logs in with a password, and changes nothing. It does not retry.
    async fn authenticate(
        &self,
        account: &Account,
        password: &SecretString,
    ) -> Result<(), ServiceError>;

    /// Logs in with a password and replaces it with a new one. It does not retry: after an error that
    /// is not [`ServiceFault::NotSent`], the password may have changed.
    async fn change(
        &self,
        account: &Account,
        password: &SecretString,
        new_password: &SecretString,
    ) -> Result<Previous, ServiceError>;
}

/// How a call failed, classified by what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceFault {
    /// The service says that the password is wrong. No other fault says that.
    WrongPassword,
    /// The service's rules do not accept the new password.
    PasswordRejected,
    /// The request did not leave this function or did not reach the adapter, so the service knows
    /// nothing of it.
    NotSent,
    /// The adapter says that the service could not be reached or could not handle the request, and that
    /// nothing was changed.
    Unreachable,
    /// Anything else. The password may have been changed.
    Unclear,
}

/// What exactly went wrong. It decides which next step an error names, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The adapter gave a valid answer, which is the fault.
    Answer,
    /// The adapter's function does not exist.
    NoFunction,
    /// The function may not invoke the adapter's function.
    Denied,
    /// Too many invocations of functions are running.
    Throttled,
    /// Lambda refused the invocation for another reason.
    Refused,
    /// Lambda's endpoint could not be reached.
    EndpointUnreachable,
    /// Lambda gave no clear answer.
    NoAnswer,
    /// The adapter's function ended with an error.
    FunctionFailed,
    /// The adapter's function ran into its timeout.
    FunctionTimedOut,
    /// The answer is longer than an answer may be.
    TooLong,
    /// The answer is not one of the contract.
    NotAResponse,
    /// The answer is of another version of the contract.
    OtherVersion,
    /// The request could not be built from the adapter's file and these values.
    Unbuilt,
    /// The host name has no address.
    NameUnknown,
    /// There is no route to the host, or nothing listens on the port.
    NoConnection,
    /// The host did not accept a connection in time.
    ConnectTimedOut,
    /// The host's certificate is not trusted.
    Untrusted,
    /// The host does not support TLS, or not a compatible version.
    NoTls,
    /// The connection broke, or what came was no HTTP.
    Broken,
    /// The answer did not come in time.
    TimedOut,
    /// No rule of the adapter's file matches the answer.
    Unmatched,
}

impl Cause {
    fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::NoFunction => "no_function",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::EndpointUnreachable => "endpoint_unreachable",
            Self::NoAnswer => "no_answer",
            Self::FunctionFailed => "function_failed",
            Self::FunctionTimedOut => "function_timed_out",
            Self::TooLong => "too_long",
            Self::NotAResponse => "not_a_response",
            Self::OtherVersion => "other_version",
            Self::Unbuilt => "unbuilt",
            Self::NameUnknown => "name_unknown",
            Self::NoConnection => "unreachable",
            Self::ConnectTimedOut | Self::TimedOut => "timed_out",
            Self::Untrusted => "untrusted",
            Self::NoTls => "no_tls",
            Self::Broken => "broken",
            Self::Unmatched => "unmatched",
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Answer => "the adapter answered",
            Self::NoFunction => "the adapter's function does not exist",
            Self::Denied => "AWS did not allow this function to invoke the adapter's function",
            Self::Throttled => "too many invocations of functions are running in its account",
            Self::Refused => "Lambda refused to invoke the adapter's function",
            Self::EndpointUnreachable => "Lambda's endpoint could not be reached",
            Self::NoAnswer => "Lambda gave no clear answer",
            Self::FunctionFailed => "the adapter's function ended with an error",
            Self::FunctionTimedOut => "the adapter's function ran into its timeout",
            Self::TooLong => "the answer is too long",
            Self::NotAResponse => "the adapter's answer is not one of the adapter contract",
            Self::OtherVersion => {
                "the adapter's answer is of another version of the adapter contract"
            }
            Self::Unbuilt => {
                "a value contains characters that are not allowed where the adapter's file inserts it"
            }
            Self::NameUnknown => "the host's name has no address",
            Self::NoConnection => "there is no route to the host, or nothing listens on the port",
            Self::ConnectTimedOut => "the host did not accept a connection in time",
            Self::Untrusted => "the host's certificate is not trusted",
            Self::NoTls => "the host does not offer TLS",
            Self::Broken => "the connection broke before a complete answer",
            Self::TimedOut => "no complete answer came in time",
            Self::Unmatched => "none of the `answers` in the adapter's file matches the answer",
        }
    }
}

/// A call to a service that failed. It carries a code, and nothing else of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceError {
    /// The kind of failure.
    pub fault: ServiceFault,
    /// What exactly went wrong.
    pub cause: Cause,
    /// The service's or AWS's own code, such as `HTTP 409`, filtered.
    pub code: Option<String>,
}

impl ServiceError {
    /// Returns the error of a valid answer.
    pub fn answered(fault: ServiceFault, code: Option<String>) -> Self {
        Self {
            fault,
            cause: Cause::Answer,
            code,
        }
    }

    /// Returns the error of a request that was not sent.
    pub fn not_sent(cause: Cause) -> Self {
        Self {
            fault: ServiceFault::NotSent,
            cause,
            code: None,
        }
    }

    /// Returns the error of a request that may have been carried out.
    pub fn unclear(cause: Cause) -> Self {
        Self {
            fault: ServiceFault::Unclear,
            cause,
            code: None,
        }
    }

    /// Adds a code.
    #[must_use]
    pub fn with(mut self, code: Option<String>) -> Self {
        self.code = code;
        self
    }

    /// Returns the error's name in the response to a check.
    pub fn name(&self) -> &'static str {
        match (self.cause, self.fault) {
            (Cause::Answer, ServiceFault::WrongPassword) => "wrong_credentials",
            (Cause::Answer, ServiceFault::PasswordRejected) => "password_rejected",
            (Cause::Answer, ServiceFault::NotSent | ServiceFault::Unreachable) => "unreachable",
            (Cause::Answer, ServiceFault::Unclear) => "unclear",
            (cause, _) => cause.name(),
        }
    }

    /// Returns whether the same call may succeed later without intervention.
    pub fn is_transient(&self) -> bool {
        match self.cause {
            Cause::Answer => matches!(
                self.fault,
                ServiceFault::Unreachable | ServiceFault::Unclear
            ),
            Cause::Throttled
            | Cause::EndpointUnreachable
            | Cause::NoAnswer
            | Cause::FunctionFailed
            | Cause::FunctionTimedOut
            | Cause::NameUnknown
            | Cause::NoConnection
            | Cause::ConnectTimedOut
            | Cause::Broken
            | Cause::TimedOut => true,
            Cause::NoFunction
            | Cause::Denied
            | Cause::Refused
            | Cause::TooLong
            | Cause::NotAResponse
            | Cause::OtherVersion
            | Cause::Unbuilt
            | Cause::Untrusted
            | Cause::NoTls
            | Cause::Unmatched => false,
        }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match (self.cause, self.fault) {
            (Cause::Answer, ServiceFault::WrongPassword) => {
                "the service says that the user name or the password is wrong"
            }
            (Cause::Answer, ServiceFault::PasswordRejected) => {
                "the service's rules refuse the new password"
            }
            (Cause::Answer, ServiceFault::NotSent | ServiceFault::Unreachable) => {
                "the adapter says that the service cannot be reached, or cannot handle the request now"
            }
            (Cause::Answer, ServiceFault::Unclear) => {
                "the adapter cannot say whether the service carried out the request"
            }
            (cause, _) => cause.reason(),
        };
        formatter.write_str(reason)?;
        match &self.code {
            Some(code) => write!(formatter, " ({code})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ServiceError {}
