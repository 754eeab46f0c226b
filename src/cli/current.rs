//! The credential in a secret, for the two commands that output it.

use super::failure::Failed;
use crate::model::{Content, Credential, Login, malformed};
use crate::port::{CURRENT, Secrets};

/// A current credential.
pub(super) enum CurrentCredential {
    /// An IAM user's access key.
    Key(Credential),
    /// A database user's password.
    Login(Login),
}

impl CurrentCredential {
    /// Reads the current value of a secret. Its fields determine the kind of the
    /// credential.
    pub(super) async fn read<S: Secrets + ?Sized>(
        secrets: &S,
        secret: &str,
    ) -> Result<Self, Failed> {
        let refused = |why: String| Failed::new("secret", format!("the secret {secret} {why}"));
        let value = secrets.value(secret, CURRENT).await?;
        let value = value.ok_or_else(|| {
            refused("does not exist, or has no value".into()).hint("check the name and --region")
        })?;
        let (key, login) = (Credential::read(&value.text), Login::read(&value.text));
        let incomplete = |missing: Vec<&str>| {
            let what = format!("lacks {}", missing.join(", "));
            Err(refused(what).hint("run `keyrota bootstrap` to store the first credential"))
        };
        match (key, login) {
            (Content::Complete(key), _) => Ok(Self::Key(key)),
            (_, Content::Complete(login)) => Ok(Self::Login(login)),
            (Content::Malformed(field), _) => {
                let what = format!("cannot be used: in its value, {}", malformed(field));
                let hint = "run `keyrota doctor` to see how to store the value again";
                Err(refused(what).hint(hint))
            }
            // A first value has a user's name and, of a database, the engine.
            (_, Content::Incomplete(missing)) if !missing.contains(&"engine") => {
                incomplete(missing)
            }
            (Content::Incomplete(missing), _) => incomplete(missing),
            _ => Err(refused("does not contain a JSON object".into())),
        }
    }
}
