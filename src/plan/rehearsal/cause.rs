//! Why calls of a rehearsal would be refused, and what to do about it.

use keyrota_contract::check::{ACCOUNTS_UNSEEN, SEVERAL_ACCOUNTS, Signer, call};
use serde_json::json;

use super::{Principals, Rehearsal, RehearsedCall, TestMethod};
use crate::model::{Adapter, Database, Entry, Kind, Service};
use crate::port::PolicyDecision;

/// What a rehearsal found to be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRehearsal {
    /// The calls, each with who makes it and the error code.
    pub evidence: String,
    /// What to do about it.
    pub remedy: String,
}

/// The codes with which AWS says that credentials are not valid.
const INVALID_CREDENTIALS: [&str; 4] = [
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// The codes of a service that did not answer.
const NO_ANSWER: [&str; 2] = ["unreachable", "no_answer"];

/// Returns what the rehearsal of an entry's rotation found to be refused, or `None` if no refusal
/// is known.
pub fn failed_rehearsal(entry: &Entry, rehearsal: &Rehearsal) -> Option<FailedRehearsal> {
    let principals = &rehearsal.principals;
    if let Some(error) = &rehearsal.error {
        return Some(FailedRehearsal {
            evidence: format!("the function could not rehearse the next rotation: {error}"),
            remedy: "fix the reported cause; a function that an earlier version of keyrota deployed knows no rehearsal, so run `keyrota bootstrap`".to_owned(),
        });
    }
    let refused: Vec<&RehearsedCall> = rehearsal.refused().collect();
    if refused.is_empty() {
        return None;
    }
    let calls: Vec<String> = refused.iter().map(|call| describe(entry, call)).collect();
    let mut remedies: Vec<String> = Vec::new();
    for call in &refused {
        let remedy = remedy(entry, call, principals);
        if !remedies.contains(&remedy) {
            remedies.push(remedy);
        }
    }
    let fails = match refused.iter().all(|it| it.call == call::CLIENT_LOG_IN) {
        true => "clients cannot log in",
        false => "the next rotation would fail",
    };
    Some(FailedRehearsal {
        evidence: format!("{fails}: {}", calls.join("; ")),
        remedy: remedies.join("; "),
    })
}

/// Returns the principal that makes a call.
fn whose(entry: &Entry, by: Signer) -> String {
    match by {
        Signer::Role => "the function's role".to_owned(),
        Signer::User => format!("the user {}", entry.users_shown()),
        Signer::Administrator => {
            format!("the administrator in `{}`", entry.rotate_as.as_str())
        }
    }
}

/// Returns a call with who makes it and why it is refused.
fn describe(entry: &Entry, refused: &RehearsedCall) -> String {
    let by = whose(entry, refused.by);
    let on = refused
        .resource
        .as_ref()
        .map_or(String::new(), |on| format!(" on `{on}`"));
    let code = refused.code.as_deref().unwrap_or("no code");
    let how = match refused.how {
        TestMethod::Simulated => "simulated",
        TestMethod::Tested | TestMethod::NotTestable => "tested",
    };
    let reason = match (&refused.reason, refused.how) {
        (Some(reason), TestMethod::Tested) => format!(": {reason}"),
        _ => String::new(),
    };
    format!("{} by {by}{on} ({how}, {code}){reason}", refused.call)
}

/// Returns what to do about a call that is refused.
fn remedy(entry: &Entry, refused: &RehearsedCall, principals: &Principals) -> String {
    let code = refused.code.as_deref().unwrap_or_default();
    let (service, _) = refused.call.split_once(':').unwrap_or_default();
    if ["database", "adapter"].contains(&service) {
        let login = Login {
            entry,
            call: &refused.call,
            by: refused.by,
            next: "then run `keyrota doctor` again",
        };
        return login.remedy(code);
    }
    if NO_ANSWER.contains(&code) {
        return format!(
            "let the function reach {service}: check `network` in the manifest, the security groups, and the VPC endpoints"
        );
    }
    if let Some(remedy) = denied(entry, refused, principals) {
        return remedy;
    }
    if let Some(named) = refused
        .resource
        .as_ref()
        .filter(|_| service == "secretsmanager")
    {
        return administrators_secret(named, code, refused.policies, principals);
    }
    let role = &principals.role;
    match refused.by {
        Signer::Role if refused.policies == Some(PolicyDecision::Allowed) => {
            elsewhere(refused, principals)
        }
        Signer::Role => format!(
            "restore the policies of the role {role}, which do not allow it: run `keyrota doctor --fix`, or compare them with `keyrota generate`"
        ),
        Signer::User if INVALID_CREDENTIALS.contains(&code) => format!(
            "store an active key of `{}` in {}",
            entry.user_name(),
            entry.secret
        ),
        Signer::User if refused.resource.is_some() => format!(
            "allow it in a policy of `{}`, or correct `probe` in the manifest",
            entry.user_name()
        ),
        Signer::User if refused.policies == Some(PolicyDecision::Allowed) => format!(
            "the user's own policies allow it, so find the policy of the organization that denies it to `{}`",
            entry.user_name()
        ),
        Signer::User => format!(
            "restore the inline policy keyrota-ManageOwnAccessKeys of the user `{}`: run `keyrota doctor --fix`, or compare it with `keyrota generate`",
            entry.user_name()
        ),
        Signer::Administrator if INVALID_CREDENTIALS.contains(&code) => format!(
            "store an active key in the administrator's secret `{}`",
            entry.rotate_as.as_str()
        ),
        Signer::Administrator => format!(
            "allow it to the administrator whose key is in `{}`",
            entry.rotate_as.as_str()
        ),
    }
}

/// Returns the remedy for a call that no policy of the principal can allow as long as another one
/// stands against it.
fn denied(entry: &Entry, refused: &RehearsedCall, principals: &Principals) -> Option<String> {
    let principal = match refused.by {
        Signer::Role => format!("the role {}", principals.role),
        Signer::User | Signer::Administrator => whose(entry, refused.by),
    };
    let call = &refused.call;
    Some(match refused.policies? {
        PolicyDecision::DeniedExplicitly => format!(
            "a statement with Deny denies {call} to {principal}, and no other policy can allow it: find that statement in the policies and in the permissions boundary of {principal}, and change it"
        ),
        PolicyDecision::OutsideOrganization => format!(
            "have {call} allowed to {principal} in the service control policies of the AWS organization"
        ),
        PolicyDecision::OutsideBoundary => {
            format!("allow {call} in the permissions boundary of {principal}")
        }
        PolicyDecision::Allowed | PolicyDecision::NotAllowed => return None,
    })
}

/// Returns the remedy for a call that the role's own policies allow.
fn elsewhere(refused: &RehearsedCall, principals: &Principals) -> String {
    let role = &principals.role;
    let reads = refused.call == call::GET_SECRET_VALUE;
    match &principals.key {
        Some(key) if reads => format!(
            "the role's own policies allow it: if AWS's message is about KMS, remove what denies it to the role from the key policy of {key}, and add this statement to that policy: {}; otherwise change the secret's resource policy",
            json!({
                "Effect": "Allow",
                "Principal": { "AWS": role },
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": "*",
                "Condition": { "StringEquals": { "kms:ViaService": principals.via } },
            })
        ),
        _ => format!(
            "the policies of {role} allow it, so find what denies it: the secret's resource policy, a policy of the organization, or the policy of a VPC endpoint"
        ),
    }
}

/// Returns the remedy for an administrator's secret that the function cannot use.
fn administrators_secret(
    named: &str,
    code: &str,
    policies: Option<PolicyDecision>,
    principals: &Principals,
) -> String {
    let role = &principals.role;
    match (code, policies) {
        ("no_key" | "unfit", _) => format!(
            "store the administrator's credential in `{named}`, or change `rotate_as` in the manifest"
        ),
        ("ResourceNotFoundException", _) => {
            format!(
                "create the administrator's secret `{named}`, or change `rotate_as` in the manifest"
            )
        }
        (_, Some(PolicyDecision::Allowed)) => format!(
            "the role's own policies allow it, so let {role} in by the resource policy of `{named}` and by the policy of its KMS key"
        ),
        _ => format!(
            "let {role} read the administrator's secret `{named}`: check the role's policy Administrators (`keyrota generate`), the secret's resource policy, and the policy of its KMS key"
        ),
    }
}

/// Returns what to do about the first login of an entry, which `bootstrap` has the function try, after a
/// fault with this code other than a wrong password.
pub fn first_login_remedy(entry: &Entry, code: &str) -> String {
    let call = match &entry.kind {
        Kind::Service(_) => call::AUTHENTICATE,
        Kind::AccessKey(_) | Kind::Database(_) => call::LOG_IN,
    };
    let login = Login {
        entry,
        call,
        by: Signer::User,
        next: "then run `keyrota bootstrap` again",
    };
    login.remedy(code)
}

/// A login at a database or a service.
struct Login<'a> {
    entry: &'a Entry,
    /// The call that makes it.
    call: &'a str,
    by: Signer,
    /// What to do after the cause is corrected.
    next: &'a str,
}

impl Login<'_> {
    /// Returns what to do after a fault with this code.
    fn remedy(&self, code: &str) -> String {
        match &self.entry.kind {
            Kind::Database(kind) => database(self, kind, code),
            Kind::Service(kind) => adapter(self, kind, code),
            Kind::AccessKey(_) => "see the function's log".to_owned(),
        }
    }
}

/// Returns the remedy for a login to a database that fails.
fn database(login: &Login<'_>, database: &Database, code: &str) -> String {
    let Login {
        entry,
        call,
        by,
        next,
    } = *login;
    let endpoint = database.endpoint();
    match code {
        SEVERAL_ACCOUNTS => "set `hosts: all` in the manifest, or drop the accounts that no client uses, then run `keyrota bootstrap`".to_owned(),
        ACCOUNTS_UNSEEN => "let the login that changes the password read the accounts, as the evidence says, or set `hosts` in the manifest, then run `keyrota bootstrap`".to_owned(),
        "wrong_credentials" if call == call::CLIENT_LOG_IN => {
            let (host, port) = database.published();
            format!(
                "if the pooler at {host}:{port} has a list of passwords, write the current one to it and reload it, or let it ask the server (`auth_query` of PgBouncer)"
            )
        }
        "unreachable" | "timed_out" | "name_unknown" => format!(
            "let the function reach {endpoint}: check that the server runs, `host`, `port`, and `network` in the manifest, and the security groups"
        ),
        "no_tls" | "untrusted" => format!(
            "check the certificate of {endpoint} against `host`, `tls`, and `tls_ca` in the manifest"
        ),
        "wrong_credentials" if by == Signer::Administrator => format!(
            "store the administrator's current password in `{}`",
            entry.rotate_as.as_str()
        ),
        "wrong_credentials" => format!(
            "run `keyrota rotate {}`, which tries the password of each version",
            entry.secret
        ),
        "password_expired" if by == Signer::Administrator => format!(
            "set a new password of the administrator on {endpoint}, which ends the expiry, and store it in `{}`",
            entry.rotate_as.as_str()
        ),
        "password_expired" => format!(
            "run `keyrota rotate {}`, which sets a new password and so ends the expiry",
            entry.secret
        ),
        "login_forbidden" => format!(
            "check that {} may log in to {endpoint}: that it is not locked, that the database exists, and that the server accepts it from the function's network",
            whose(entry, by)
        ),
        "user_limit" => format!(
            "close sessions of {} on {endpoint}, or raise its own limit of connections",
            whose(entry, by)
        ),
        "pooler" => {
            format!("see the log of the pooler at {endpoint}, and that it reaches the server")
        }
        _ => format!("see the log of {endpoint}, fix the cause, {next}"),
    }
}

/// Returns the remedy for a login that an adapter could not make.
fn adapter(login: &Login<'_>, service: &Service, code: &str) -> String {
    let Login {
        entry, call, next, ..
    } = *login;
    let place = service.place();
    match code {
        "wrong_credentials" => format!(
            "run `keyrota rotate {}`, which tries the password of each version",
            entry.secret
        ),
        "unreachable" | "timed_out" | "name_unknown" => format!(
            "let the function reach {place}: check that the service runs, and `adapter` and `network` in the manifest"
        ),
        "no_tls" | "untrusted" => format!(
            "check the certificate of {place} against the URL and `tls_ca` in the adapter's file"
        ),
        _ => match &service.adapter {
            Adapter::Function(arn) if code == "no_function" => format!(
                "deploy the function {arn}, or correct `adapter.function` in the manifest and run `keyrota bootstrap`"
            ),
            Adapter::Function(arn) if code == "denied" => format!(
                "let the role of the service function invoke {arn}: run `keyrota doctor --fix`, which restores the role's policies; an adapter in another account needs a resource policy that allows it"
            ),
            Adapter::Function(arn) => format!(
                "check that the function {arn} exists and that the role of the service function may invoke it, and read the adapter's log; {next}"
            ),
            Adapter::Http(http) => format!(
                "compare the answers of {place} with `answers` of `{}` in {}; {next}",
                call.trim_start_matches("adapter:").to_lowercase(),
                http.file
            ),
        },
    }
}
