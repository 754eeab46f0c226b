//! First passwords: from whoever bootstraps, the environment or another secret.
//! They are had before anything is deployed, and shown nowhere.

use std::io::IsTerminal;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::Exit;
use super::failure::Failed;
use super::settings::Settings;
use crate::model::{Database, EntryOf, Finding, InitialPassword, SecretReference};
use crate::port::{CURRENT, ErrorKind};
use crate::render::Shard;
use crate::run::{Cleared, Context, Passwords};
use crate::view::stderr_is_terminal;

/// First passwords that are there already, and the entries to ask for.
pub(super) struct Asked<'a> {
    passwords: Passwords,
    prompts: Vec<EntryOf<'a, Database>>,
}

/// Collects what need not be asked for, and refuses with everything that is
/// missing.
pub(super) async fn collect<'a>(
    context: &Context<'_>,
    shards: &'a [Shard],
    cleared: &[Cleared],
) -> Result<Asked<'a>, Failed> {
    let mut asked = Asked {
        passwords: Passwords::new(),
        prompts: Vec::new(),
    };
    let mut findings = Vec::new();
    let pairs = shards.iter().zip(cleared).flat_map(|(shard, cleared)| {
        let databases = shard.model.databases();
        databases.zip(&cleared.observed.databases)
    });
    for (entry, _) in pairs.filter(|(_, seen)| seen.wants_password()) {
        let found = match &entry.kind.initial_password {
            InitialPassword::Prompt => {
                asked.prompts.push(entry);
                continue;
            }
            InitialPassword::Environment(name) => in_environment(name),
            InitialPassword::Secret(secret) => in_secret(context, secret).await?,
        };
        match found.and_then(usable) {
            Ok(password) => drop(asked.passwords.insert(entry.secret.to_string(), password)),
            Err(why) => {
                let path = format!("{}.initial_password", entry.place);
                let secret = &entry.secret;
                findings.push(Finding::error("no-password", path, why).hint(format!(
                    "{secret} has no password yet: provide the one that the server has, or be asked with `prompt`"
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
            "there is no terminal to ask on for the first password of {}, and nothing was changed",
            secrets.join(", ")
        );
        return Err(Failed::new("declined", message)
            .hint("`initial_password: env:NAME` takes it from the environment")
            .exit(Exit::Declined));
    }
    Ok(asked)
}

impl Asked<'_> {
    /// Asks for the rest, without showing what is typed.
    pub(super) fn ask(self, settings: &Settings) -> Result<Passwords, Failed> {
        let mut passwords = self.passwords;
        settings.progress.finish();
        for entry in self.prompts {
            let question = format!(
                "Password of {} at {} (for {}): ",
                entry.kind.username.escape_debug(),
                entry.kind.endpoint(),
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

fn can_ask() -> bool {
    std::io::stdin().is_terminal() && stderr_is_terminal()
}

fn prompt(question: &str) -> Result<SecretString, String> {
    let terminal = console::Term::stderr();
    let asked = terminal.write_str(question);
    let answer = asked.and_then(|()| terminal.read_secure_line());
    match answer {
        Ok(answer) => Ok(answer.into()),
        Err(error) => Err(format!("no password was read: {error}")),
    }
}

fn in_environment(name: &str) -> Result<SecretString, String> {
    match std::env::var(name) {
        Ok(value) => Ok(value.into()),
        Err(std::env::VarError::NotPresent) => {
            Err(format!("the environment has no variable {name}"))
        }
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("the variable {name} is not UTF-8")),
    }
}

/// Reads a secret's field `password`, or all of its text where that is no JSON
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

fn usable(password: SecretString) -> Result<SecretString, String> {
    let text = password.expose_secret();
    if text.is_empty() {
        return Err("the password is empty".to_owned());
    }
    if text.contains('\0') {
        return Err("the password holds a null character".to_owned());
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
