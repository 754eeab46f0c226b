//! The next step after a request to a service failed.

use crate::service::{Cause, ServiceError, ServiceFault};

/// The next step if a service refuses the password for a change and accepts it for a login.
pub(super) const CHANGE_REFUSED: &str = "the service accepts that password for a login, so check that the user may change its own password, and \
     that the adapter's `change` logs in as `authenticate` does, then rotate again";

/// The next step if the new password is refused after the change. An adapter that answers success and
/// does nothing is one of the causes.
pub(super) const NEW_REFUSED: &str = "if the log of `setSecret` says that the adapter changed the password, the adapter or the service does not do \
     what it answers: run `keyrota adapter test` on the adapter, and check that the service does not shorten \
     passwords and that nothing else changes this one; then rotate again";

/// Returns the next step after a request to a service failed.
pub(super) fn find(error: &ServiceError) -> &'static str {
    match error.cause {
        Cause::Answer => answered(error.fault),
        Cause::NoFunction => {
            "correct `adapter.function` in the manifest, or deploy that function, then run `keyrota bootstrap`"
        }
        Cause::Denied => {
            "if the function is in another account, allow `lambda:InvokeFunction` to this function's role in its \
             resource-based policy; otherwise run `keyrota doctor --fix`, which restores the role's policies"
        }
        Cause::Throttled => {
            "it is tried again; if that lasts, raise the account's limit of concurrent executions or the \
             adapter function's reserved concurrency"
        }
        Cause::Refused => {
            "check that the adapter's function is active and that its ARN in the manifest is complete, then rotate \
             again"
        }
        Cause::EndpointUnreachable => {
            "it is tried again; if that lasts, check that this function can reach Lambda (in a VPC, it needs a NAT \
             gateway or an interface endpoint for Lambda)"
        }
        Cause::NoAnswer => {
            "it is tried again; if that lasts, see the log of the adapter's function"
        }
        Cause::FunctionFailed => {
            "see the log of the adapter's function, and run `keyrota adapter test` on it; if it ran into its \
             timeout, raise that, up to 20 seconds"
        }
        Cause::FunctionTimedOut => {
            "find out from the log of the adapter's function what it was waiting for, or raise its timeout, up to 20 \
             seconds"
        }
        Cause::NotAResponse | Cause::OtherVersion => {
            "run `keyrota adapter test` on the adapter, which shows what is wrong with its answers"
        }
        Cause::TooLong => {
            "limit the answer of the adapter or the service to 16 KiB; `keyrota adapter test` shows the answers"
        }
        Cause::Unbuilt => {
            "correct the adapter's file: a header takes printable ASCII characters only, `basic` takes no user \
             name with a colon, and a path takes no segment `.` or `..`; then run `keyrota bootstrap`"
        }
        Cause::NameUnknown => {
            "check the host in the adapter's file and, in a VPC, the name servers that its subnets use"
        }
        Cause::NoConnection | Cause::ConnectTimedOut => {
            "it is tried again; if that lasts, check the host and the port in the adapter's file, and whether \
             this function can reach it (subnets, security groups, `network: none`)"
        }
        Cause::Untrusted => {
            "check that the host in the adapter's file is the one that the certificate names and that the certificate \
             is valid; if a private authority issued it, name its file in `tls_ca` of the adapter's file, then run \
             `keyrota bootstrap`"
        }
        Cause::NoTls => {
            "check the port in the adapter's file: it must serve HTTPS with TLS 1.2 or 1.3"
        }
        Cause::Broken => {
            "it is tried again; if that lasts, see the service's log, or that of a proxy in front of it"
        }
        Cause::TimedOut => {
            "it is tried again; if that lasts, raise `timeout` of this request in the adapter's file, up to 20 \
             seconds, and run `keyrota bootstrap`"
        }
        Cause::Unmatched => {
            "add the answer to `answers` in the adapter's file, with what the service's documentation says that it \
             means, then run `keyrota bootstrap`"
        }
    }
}

fn answered(fault: ServiceFault) -> &'static str {
    match fault {
        ServiceFault::WrongPassword => {
            "check that the user exists and is not locked, and that nothing else changes its password, then rotate \
             again"
        }
        ServiceFault::PasswordRejected => {
            "if that happens again, adapt `password` in the manifest to the service's rules, and run \
             `keyrota bootstrap`"
        }
        ServiceFault::NotSent | ServiceFault::Unreachable => {
            "it is tried again; if that lasts, see the service's status and, for a Lambda adapter, the log of its \
             function"
        }
        ServiceFault::Unclear => {
            "see the service's log and, for a Lambda adapter, the log of its function"
        }
    }
}
