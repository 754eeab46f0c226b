//! What a function is measured with: the secret's kind, and what is behind it.

use crate::authority::Authority;
use crate::database::Database;
use crate::error::Error;
use crate::kind::Kind;
use crate::peer::Peer;
use crate::stub::account::Account;

/// What is rotated.
pub enum Subject {
    /// The access key of an IAM user.
    AccessKey,
    /// The password of a database's user.
    Password(Box<Database>),
}

/// What is around a process, and around the one after it.
pub struct Scene<'run> {
    pub authority: &'run Authority,
    pub subject: Subject,
}

impl Scene<'_> {
    /// Returns the kind of what is rotated.
    pub fn kind(&self) -> Kind {
        match self.subject {
            Subject::AccessKey => Kind::AccessKeys,
            Subject::Password(_) => Kind::Database,
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
    pub fn furnish(&self, peer: &Peer) -> Result<(), Error> {
        match &self.subject {
            Subject::AccessKey => Ok(()),
            Subject::Password(database) => database.furnish(&peer.task_root),
        }
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
