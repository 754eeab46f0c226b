//! What a function is measured with: the secret's kind, and what is behind it.

use keyrota::bundle::sha256_hex;
use serde_json::json;

use crate::authority::Authority;
use crate::database::Database;
use crate::error::Error;
use crate::kind::FunctionKind;
use crate::stub::account::{Account, SECRET_NAME, USER};
use crate::subject_function::{SubjectFunction, write};

/// What is rotated.
pub enum Subject {
    /// The access key of an IAM user.
    AccessKey,
    /// The password of a database's user.
    Password(Box<Database>),
}

/// What is around a process, and around the one after it.
pub struct RunContext<'run> {
    pub authority: &'run Authority,
    pub subject: Subject,
}

impl RunContext<'_> {
    /// Returns the kind of what is rotated.
    pub fn kind(&self) -> FunctionKind {
        match self.subject {
            Subject::AccessKey => FunctionKind::AccessKeys,
            Subject::Password(_) => FunctionKind::Database,
        }
    }

    /// Returns a title that also names the server.
    pub fn titled(&self, title: &str) -> String {
        match &self.subject {
            Subject::AccessKey => title.to_owned(),
            Subject::Password(database) => format!("{}: {title}", database.engine.title()),
        }
    }

    /// Returns an account before its secret's first rotation.
    ///
    /// # Errors
    ///
    /// Returns what a server refuses.
    pub fn account(&self) -> Result<Account, Error> {
        match &self.subject {
            Subject::AccessKey => {
                Account::of_key().map_err(|refusal| Error::Usage(refusal.message))
            }
            Subject::Password(database) => database.account(),
        }
    }

    /// Gives a function what its zip has beside its code.
    ///
    /// # Errors
    ///
    /// Returns that it cannot be written.
    pub fn write_task_files(&self, subject_function: &SubjectFunction) -> Result<(), Error> {
        if let Subject::Password(database) = &self.subject {
            database.write_task_files(&subject_function.task_root)?;
        }
        let file = subject_function
            .task_root
            .join(self.handler(subject_function));
        match (subject_function.handler, file.parent()) {
            (None, Some(folder)) => {
                std::fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
                write(&file, self.pins().as_bytes())
            }
            _ => Ok(()),
        }
    }

    /// Returns what `_HANDLER` says: the path of our function's pins.
    pub fn handler(&self, subject_function: &SubjectFunction) -> String {
        match subject_function.handler {
            Some(handler) => handler.to_owned(),
            None => format!("pins/{}.json", sha256_hex(self.pins().as_bytes())),
        }
    }

    /// Returns what the function may act on, as `keyrota bundle` packs it.
    fn pins(&self) -> String {
        let (secret, pin) = match &self.subject {
            Subject::AccessKey => {
                let pin = json!({ "user": USER, "owns_user": false, "rotate_as": "self" });
                (SECRET_NAME, pin)
            }
            Subject::Password(database) => (SECRET_NAME, database.pin()),
        };
        json!({ "version": 1, "secrets": { secret: pin } }).to_string()
    }

    /// Asks the server whether it takes what AWSCURRENT holds now. The stub knows
    /// of access keys itself.
    ///
    /// # Errors
    ///
    /// Returns why not.
    pub async fn takes(&self, credential: &str) -> Result<(), String> {
        match &self.subject {
            Subject::AccessKey => Ok(()),
            Subject::Password(database) => database.admits(credential).await,
        }
    }
}
