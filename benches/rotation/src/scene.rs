//! The context of a measurement: the kind of the secret, and its server.

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

/// The context of a run.
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

    /// Returns a title with the server's name.
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
    /// Fails if a server refuses.
    pub fn account(&self) -> Result<Account, Error> {
        match &self.subject {
            Subject::AccessKey => {
                Account::of_key().map_err(|refusal| Error::Usage(refusal.message))
            }
            Subject::Password(database) => database.account(),
        }
    }

    /// Writes the files that are beside the code in a function's zip file.
    ///
    /// # Errors
    ///
    /// Fails if they cannot be written.
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

    /// Returns the value of `_HANDLER`: the path of the pins of keyrota's function.
    pub fn handler(&self, subject_function: &SubjectFunction) -> String {
        match subject_function.handler {
            Some(handler) => handler.to_owned(),
            None => format!("pins/{}.json", sha256_hex(self.pins().as_bytes())),
        }
    }

    /// Returns the function's pins, as `keyrota bundle` packs them.
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

    /// Checks whether the server accepts the credential in AWSCURRENT. The stub itself checks
    /// access keys.
    ///
    /// # Errors
    ///
    /// Fails if it does not.
    pub async fn takes(&self, credential: &str) -> Result<(), String> {
        match &self.subject {
            Subject::AccessKey => Ok(()),
            Subject::Password(database) => database.admits(credential).await,
        }
    }
}
