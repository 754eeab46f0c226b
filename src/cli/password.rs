//! First passwords, from a prompt, the environment, or another secret. They are read
//! before anything is deployed, and never shown.

use std::io::IsTerminal;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::Exit;
use super::failure::Failed;
use super::settings::Settings;
use crate::model::{Entry, Finding, InitialPassword, Kind, SecretReference};
use crate::plan::ObservedEntry;
use crate::port::{CURRENT, ErrorKind};
use crate::run::{Cleared, Context, Passwords};
use crate::view::stderr_is_terminal;

/// The first passwords that are available, and the entries to prompt for.
pub(super) struct FirstPasswords<'a> {
    passwords: Passwords,
    prompts: Vec<&'a Entry>,
}

/// Collects the passwords that need no prompt, and refuses with all that are missing.
pub(super) async fn collect<'a>(
    context: &Context<'_>,
    cleared: &[Cleared<'a>],
) -> Result<FirstPasswords<'a>, Failed> {
    let mut asked = FirstPasswords {
        passwords: Passwords::new(),
        prompts: Vec::new(),
    };
    let mut findings = Vec::new();
    let entries = cleared.iter().flat_map(|cleared| &cleared.observed.entries);
    for seen in entries {
        let entry = seen.entry();
        let (wants_password, initial) = match seen {
            ObservedEntry::AccessKey(..) => continue,
            ObservedEntry::Database(database, seen) => {
                (seen.wants_password(), &database.kind.initial_password)
            }
            ObservedEntry::Service(service, seen) => {
                (seen.wants_password(), &service.kind.initial_password)
            }
        };
        if !wants_password {
            continue;
        }
        let found = match initial {
            InitialPassword::Prompt => {
                asked.prompts.push(entry);
                continue;
            }
            InitialPassword::Set => continue,
            InitialPassword::Environment(name) => in_environment(name),
            InitialPassword::Secret(secret) => in_secret(context, secret).await?,
        };
        match found.and_then(usable) {
            Ok(password) => drop(asked.passwords.insert(entry.secret.to_string(), password)),
            Err(why) => {
                let path = format!("{}.initial_password", entry.place);
                let secret = &entry.secret;
                findings.push(Finding::error("no-password", path, why).hint(format!(
                    "{secret} does not contain a password yet: provide the current password, or use `initial_password: prompt`"
                )));
            }
        }
    }
    if !findings.is_empty() {
        return Err(Failed::refused("the deployment", findings));
    }
    if !asked.prompts.is_empty() && !can_ask() {
        let secrets: Vec<&str> = asked
            .prompts
            .iter()
            .map(|one| one.secret.as_str())
            .collect();
        let message = format!(
            "cannot prompt for the first password of {} without a terminal; nothing was changed",
            secrets.join(", ")
        );
        return Err(Failed::new("declined", message)
            .hint("use `initial_password: env:NAME` to read it from an environment variable")
            .exit(Exit::Declined));
    }
    Ok(asked)
}

impl FirstPasswords<'_> {
    /// Prompts for the other passwords, without echo.
    pub(super) fn ask(self, settings: &Settings) -> Result<Passwords, Failed> {
        let mut passwords = self.passwords;
        settings.progress.finish();
        for entry in self.prompts {
            let question = format!(
                "Password of {} at {} (for {}): ",
                entry.user_name().escape_debug(),
                place(entry),
                entry.secret
            );
            let password = prompt(&question).and_then(usable).map_err(|why| {
                Failed::new("declined", format!("{why}; nothing was changed")).exit(Exit::Declined)
            })?;
            passwords.insert(entry.secret.to_string(), password);
        }
        Ok(passwords)
    }
}

/// Returns where the password is used.
fn place(entry: &Entry) -> String {
    match &entry.kind {
        Kind::AccessKey(_) => "AWS".to_owned(),
        Kind::Database(database) => database.endpoint(),
        Kind::Service(service) => service.place(),
    }
}

fn can_ask() -> bool {
    std::io::stdin().is_terminal() && stderr_is_terminal()
}

/// Prompts for a password on a terminal, without echo.
pub(super) fn ask(question: &str) -> Result<SecretString, String> {
    match can_ask() {
        true => prompt(question),
        false => Err("cannot prompt for the password without a terminal".to_owned()),
    }
}

fn prompt(question: &str) -> Result<SecretString, String> {
    let terminal = console::Term::stderr();
    let asked = terminal.write_str(question);
    let answer = asked.and_then(|()| terminal.read_secure_line());
    match answer {
        Ok(answer) => Ok(answer.into()),
        Err(error) => Err(format!("cannot read the password: {error}")),
    }
}

/// Reads a password from an environment variable.
pub(super) fn in_environment(name: &str) -> Result<SecretString, String> {
    match std::env::var(name) {
        Ok(value) => Ok(value.into()),
        Err(std::env::VarError::NotPresent) => {
            Err(format!("the environment variable {name} is not set"))
        }
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(format!("the environment variable {name} is not UTF-8"))
        }
    }
}

/// Reads the field `password` of a secret, or its complete text if it is not a JSON
/// object.
async fn in_secret(
    context: &Context<'_>,
    secret: &SecretReference,
) -> Result<Result<SecretString, String>, Failed> {
    let name = secret.as_str();
    let value = match context.cloud.value(name, CURRENT).await {
        Ok(Some(value)) => value,
        Ok(None) => {
            return Ok(Err(format!(
                "the secret {name} does not exist, or has no value"
            )));
        }
        Err(error) if error.kind == ErrorKind::Undecryptable => {
            return Ok(Err(format!("the secret {name} cannot be decrypted")));
        }
        Err(error) if error.kind == ErrorKind::Conflict => {
            return Ok(Err(format!("the secret {name} is scheduled for deletion")));
        }
        Err(error) => return Err(error.into()),
    };
    Ok(match serde_json::from_str(value.text.expose_secret()) {
        Ok(Value::Object(mut fields)) => match fields.remove("password") {
            Some(Value::String(password)) => Ok(password.into()),
            _ => Err(format!("the secret {name} has no field `password`")),
        },
        _ => Ok(value.text),
    })
}

/// Refuses a password that no server can have.
pub(super) fn usable(password: SecretString) -> Result<SecretString, String> {
    let text = password.expose_secret();
    if text.is_empty() {
        return Err("the password is empty".to_owned());
    }
    if text.contains('\0') {
        return Err("the password contains a null character".to_owned());
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_no_server_takes_is_not_taken() {
        assert!(usable("".into()).is_err());
        let refused = usable("hu\0sh".into()).unwrap_err();
        assert!(!refused.contains("hu"), "{refused}");
        assert!(usable(" hush\n".into()).is_ok());
    }

    #[test]
    fn a_variable_that_is_missing_is_named() {
        let refused = in_environment("KEYROTA_NO_SUCH_VARIABLE").unwrap_err();
        assert!(refused.contains("KEYROTA_NO_SUCH_VARIABLE"), "{refused}");
    }
}
