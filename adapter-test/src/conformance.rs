//! Tries of single requests, and what each says about the guarantees.

use keyrota_contract::adapter::Operation;
use keyrota_service_function::service::{Cause, Previous, ServiceError, ServiceFault};
use secrecy::{ExposeSecret, SecretString};

use crate::guarantee::Guarantee;
use crate::mock::{Answer, Mock, Twist};
use crate::report::{Report, State};
use crate::subject::{Subject, User};

/// Outages of a service or of what is in front of it.
const OUTAGES: [Answer; 5] = [
    Answer::Nothing,
    Answer::Status(500),
    Answer::Status(502),
    Answer::Status(503),
    Answer::Status(504),
];
/// Answers that are not the service's.
const GARBAGE: [Answer; 2] = [Answer::Page, Answer::Endless];

/// The passwords of a test: the one that the user has, and others.
pub struct Candidates {
    /// The user's password.
    pub right: SecretString,
    /// A password that the user never has.
    pub wrong: SecretString,
    /// The next password.
    pub next: SecretString,
    /// A password that no change may lead to.
    pub unwanted: SecretString,
}

/// Returns what an adapter said, for a reason.
pub fn said(ended: &Result<Previous, ServiceError>) -> String {
    match ended {
        Ok(_) => "success".to_owned(),
        Err(error) => {
            let name = match (error.cause, error.fault) {
                (Cause::Answer, ServiceFault::WrongPassword) => "refused",
                (Cause::Answer, ServiceFault::PasswordRejected) => "password_rejected",
                (Cause::Answer, ServiceFault::Unreachable) => "unreachable",
                (Cause::Answer, _) => "unclear",
                _ => return format!("a failure: {error}"),
            };
            match &error.code {
                Some(code) => format!("{name} ({code})"),
                None => name.to_owned(),
            }
        }
    }
}

fn is_refusal(ended: &Result<Previous, ServiceError>) -> bool {
    matches!(ended, Err(error) if error.fault == ServiceFault::WrongPassword)
}

/// Tries logins and one change. Returns the password that the user has afterwards, as far as logins
/// tell, or nothing if no change was sent.
pub async fn requests(
    subject: &impl Subject,
    user: &User,
    candidates: &Candidates,
    report: &mut Report,
) -> Option<SecretString> {
    let Candidates {
        right,
        wrong,
        next,
        unwanted,
    } = candidates;
    let login = async |password| {
        let ended = user.authenticate(subject, password).await;
        ended.map(|()| Previous::Void)
    };
    let guarantee = Guarantee::LoginTellsPasswordsApart;
    match login(right).await {
        Ok(_) => report.holds(guarantee),
        ended => report.broken(
            guarantee,
            format!(
                "a login with the right password ended with {}",
                said(&ended)
            ),
        ),
    }
    match login(wrong).await {
        ended if is_refusal(&ended) => report.holds(guarantee),
        Ok(_) => report.broken(
            guarantee,
            "a login with a wrong password succeeded, so no test of a new password can fail; check that \
             `authenticate` sends the password, and that only the service's own success counts",
        ),
        ended => report.broken(
            guarantee,
            format!(
                "a login with a wrong password ended with {} instead of `refused`, so keyrota \
                 cannot find out which password works after a fault",
                said(&ended)
            ),
        ),
    }
    if report.verdict(guarantee).state == State::Broken {
        return None;
    }
    let changed = user.change(subject, right, next).await;
    let guarantee = Guarantee::ChangeTakesEffect;
    let Ok(previous) = changed else {
        let reason = format!(
            "a change with the right password ended with {}",
            said(&changed)
        );
        report.broken(guarantee, reason);
        return Some(match login(next).await {
            ended if is_refusal(&ended) => right.clone(),
            _ => next.clone(),
        });
    };
    match login(next).await {
        Ok(_) => report.holds(guarantee),
        ended => {
            let reason = format!(
                "a change was answered with `success`, and then a login with the new password ended \
                 with {}; check that `change` sends the new password",
                said(&ended)
            );
            report.broken(guarantee, reason);
            return Some(next.clone());
        }
    }
    old_password(&login(right).await, previous, report);
    let repeated = user.change(subject, right, next).await;
    let guarantee = Guarantee::RepeatIsHarmless;
    match login(next).await {
        Ok(_) => report.holds(guarantee),
        ended => report.broken(
            guarantee,
            format!(
                "the same change, sent again, ended with {}, and then a login with the new password \
                 ended with {}",
                said(&repeated),
                said(&ended)
            ),
        ),
    }
    let refused = user.change(subject, wrong, unwanted).await;
    let guarantee = Guarantee::ChangeNeedsThePassword;
    match (login(next).await, login(unwanted).await) {
        (Ok(_), unwanted) if is_refusal(&unwanted) && is_refusal(&refused) => {
            report.holds(guarantee);
        }
        (Ok(_), unwanted) if is_refusal(&unwanted) && refused.is_err() => report.weak(
            guarantee,
            format!(
                "a change with a wrong password ended with {} instead of `refused`",
                said(&refused)
            ),
        ),
        (now, then) => report.broken(
            guarantee,
            format!(
                "a change with a wrong password ended with {}; afterwards a login with the user's \
                 password ended with {}, and with the password of that change with {}",
                said(&refused),
                said(&now),
                said(&then)
            ),
        ),
    }
    Some(next.clone())
}

fn old_password(old: &Result<Previous, ServiceError>, previous: Previous, report: &mut Report) {
    let guarantee = Guarantee::PreviousIsAsAnswered;
    match (previous, old) {
        (Previous::Works, Ok(_)) => report.holds(guarantee),
        (Previous::Void, old) if is_refusal(old) => report.holds(guarantee),
        (Previous::Works, old) => report.broken(
            guarantee,
            format!(
                "the answer said `previous: works`, and a login with the old password ended with {}; \
                 clients that have not fetched the new password are refused",
                said(old)
            ),
        ),
        (Previous::Void, Ok(_)) => report.weak(
            guarantee,
            "the old password still works, and the answer did not say `previous: works`; if it stops \
             working later, set `propagation` in the manifest",
        ),
        (Previous::Void, old) => report.weak(
            guarantee,
            format!("a login with the old password ended with {}", said(old)),
        ),
    }
}

/// Tries requests that the mock service does not answer as it should. It needs the mock, because a real
/// service does not do that on request.
pub async fn faults(
    subject: &impl Subject,
    user: &User,
    mock: &Mock,
    candidates: &Candidates,
    report: &mut Report,
) {
    let trial = Trial {
        subject,
        user,
        mock,
        candidates,
    };
    for operation in Operation::ALL {
        for answer in OUTAGES {
            let ended = trial.send(operation, answer, false).await;
            outage(operation, answer, &ended, report);
        }
        for answer in GARBAGE {
            let ended = trial.send(operation, answer, false).await;
            garbage(operation, answer, &ended, report);
        }
        let ended = trial.send(operation, Answer::Redirect, false).await;
        let guarantee = Guarantee::RedirectIsNotFollowed;
        match (mock.was_redirected(), &ended) {
            (false, Err(_)) => report.holds(guarantee),
            (true, _) => report.broken(
                guarantee,
                format!(
                    "`{}` followed a redirect, which can send passwords to another host",
                    operation.name()
                ),
            ),
            (false, Ok(_)) => report.broken(
                guarantee,
                format!("`{}` takes a redirect for a success", operation.name()),
            ),
        }
    }
    for answer in OUTAGES {
        if answer == Answer::Status(503) {
            // A service that answers this has not carried out the request (RFC 9110, section 15.6.4).
            continue;
        }
        let ended = trial.send(Operation::Change, answer, true).await;
        unchanged(answer, &ended, report);
    }
    mock.stop();
    for operation in Operation::ALL {
        let ended = trial.request(operation).await;
        outage(operation, Answer::Nothing, &ended, report);
    }
}

/// Requests to the mock service.
struct Trial<'trial, S> {
    subject: &'trial S,
    user: &'trial User,
    mock: &'trial Mock,
    candidates: &'trial Candidates,
}

impl<S: Subject> Trial<'_, S> {
    /// Sends one request, whose answer is this.
    async fn send(
        &self,
        operation: Operation,
        answer: Answer,
        carried_out: bool,
    ) -> Result<Previous, ServiceError> {
        self.mock.set(&self.candidates.right);
        self.mock.twist(Twist {
            carried_out,
            answer,
        });
        self.request(operation).await
    }

    /// Logs in with a wrong password, so that every success is wrong, or changes the password.
    async fn request(&self, operation: Operation) -> Result<Previous, ServiceError> {
        let Candidates {
            right, wrong, next, ..
        } = self.candidates;
        match operation {
            Operation::Authenticate => {
                let ended = self.user.authenticate(self.subject, wrong).await;
                ended.map(|()| Previous::Void)
            }
            Operation::Change => self.user.change(self.subject, right, next).await,
        }
    }
}

fn outage(
    operation: Operation,
    answer: Answer,
    ended: &Result<Previous, ServiceError>,
    report: &mut Report,
) {
    let guarantee = Guarantee::OutageIsNoAnswer;
    let wrong = match ended {
        Ok(_) => true,
        Err(error) => matches!(
            error.fault,
            ServiceFault::WrongPassword | ServiceFault::PasswordRejected
        ),
    };
    match wrong {
        false => report.holds(guarantee),
        true => report.broken(
            guarantee,
            format!(
                "if the service {}, `{}` ends with {}; use `unclear` for what the service does not say \
                 itself",
                answer.phrase(),
                operation.name(),
                said(ended)
            ),
        ),
    }
}

fn garbage(
    operation: Operation,
    answer: Answer,
    ended: &Result<Previous, ServiceError>,
    report: &mut Report,
) {
    let guarantee = Guarantee::GarbageIsUnclear;
    match ended {
        Err(error) if error.fault != ServiceFault::WrongPassword => report.holds(guarantee),
        _ => report.weak(
            guarantee,
            format!(
                "if something in front of the service {}, `{}` ends with {}; test a value of the \
                 service's own answer too, such as `json` in an HTTP adapter's `answers`",
                answer.phrase(),
                operation.name(),
                said(ended)
            ),
        ),
    }
}

fn unchanged(answer: Answer, ended: &Result<Previous, ServiceError>, report: &mut Report) {
    let guarantee = Guarantee::UnchangedIsTrue;
    match ended {
        Err(error) if error.fault != ServiceFault::Unclear => report.weak(
            guarantee,
            format!(
                "if the service changes the password and then {}, `change` ends with {}, which says \
                 that nothing was changed; use `unclear`",
                answer.phrase(),
                said(ended)
            ),
        ),
        _ => report.holds(guarantee),
    }
}

/// Looks for passwords in what the adapter wrote.
pub fn output(subject: &impl Subject, passwords: &[SecretString], report: &mut Report) {
    let guarantee = Guarantee::OutputHasNoSecret;
    if !subject.has_process() {
        let reason = "no process of the adapter runs here: the service function logs no request of an HTTP \
                      adapter, and a deployed function's log must be read in CloudWatch Logs";
        report.not_tested(guarantee, reason);
        return;
    }
    let output = subject.output();
    let is_said = |password: &SecretString| {
        let text = password.expose_secret();
        output.contains(text) || output.contains(&escaped(text))
    };
    match passwords.iter().any(is_said) {
        false => report.holds(guarantee),
        true => report.broken(
            guarantee,
            "its standard output or standard error contains a password, which Lambda keeps in \
             CloudWatch Logs; log neither the event nor what the service answers",
        ),
    }
}

/// Returns a text as it stands inside a string in JSON.
fn escaped(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json.trim_matches('"').to_owned()
}
