//! What a function is measured with: the secret's kind, and what is behind it.

use keyrota::bundle::sha256_hex;
use serde_json::json;

use crate::authority::Authority;
use crate::database::Database;
use crate::error::Error;
use crate::kind::Kind;
use crate::peer::{Peer, write};
use crate::stub::account::{Account, SECRET_NAME, USER};

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
        if let Subject::Password(database) = &self.subject {
            database.furnish(&peer.task_root)?;
        }
        let file = peer.task_root.join(self.handler(peer));
        match (peer.handler, file.parent()) {
            (None, Some(folder)) => {
                std::fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
                write(&file, self.pins().as_bytes())
            }
            _ => Ok(()),
        }
    }

    /// Returns what `_HANDLER` says: the path of our function's pins.
    pub fn handler(&self, peer: &Peer) -> String {
        match peer.handler {
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
