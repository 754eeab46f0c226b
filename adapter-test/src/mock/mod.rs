//! A service with one user, over HTTPS on 127.0.0.1. It recognizes passwords anywhere in a request, and
//! loses, delays, and garbles on request.
//!
//! | module | content |
//! | --- | --- |
//! | [`carried`] | finds the passwords in a request; pure |
//! | [`state`] | the password, and what a request does to it; pure |
//! | [`samples`] | what the service answers; pure |
//! | `server` | TLS and HTTP |

pub mod carried;
pub mod samples;
mod server;
pub mod state;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;
use tempfile::TempDir;
use tokio::task::JoinSet;

use self::samples::Samples;
use self::state::State;

/// What happens to the next request, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twist {
    /// Whether the service carries out the request.
    pub carried_out: bool,
    /// What comes back.
    pub answer: Answer,
}

/// What comes back to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The service's own answer.
    Own,
    /// Nothing: the connection is closed.
    Nothing,
    /// Nothing, and the service carries out the request later, when [`Mock::release`] is called.
    Later,
    /// A status of a gateway in front of the service, with a text.
    Status(u16),
    /// A page in HTML with status 200.
    Page,
    /// More than an adapter has to read, with status 200.
    Endless,
    /// A redirect to another path, with which the client should send everything again.
    Redirect,
}

impl Answer {
    /// Returns it in words, after "the service".
    pub fn phrase(self) -> String {
        match self {
            Self::Own => "answers".to_owned(),
            Self::Nothing => "closes the connection without an answer".to_owned(),
            Self::Later => "carries out the request later".to_owned(),
            Self::Status(status) => format!("answers with status {status}"),
            Self::Page => "answers with status 200 and a page in HTML".to_owned(),
            Self::Endless => "answers with status 200 and 2 MB of text".to_owned(),
            Self::Redirect => "redirects to another address".to_owned(),
        }
    }
}

/// The service. It stops when this is dropped.
pub struct Mock {
    address: SocketAddr,
    folder: TempDir,
    shared: Arc<Mutex<Shared>>,
    serving: Mutex<JoinSet<()>>,
}

/// What the connections share.
pub(crate) struct Shared {
    pub(crate) state: State,
    pub(crate) samples: Samples,
    pub(crate) twist: Option<Twist>,
    /// Whether a client followed a redirect.
    pub(crate) was_redirected: bool,
    /// How many requests came.
    pub(crate) requests: usize,
}

impl Mock {
    /// The name of the file with the certificate authority.
    pub const AUTHORITY: &'static str = "authority.pem";

    /// Starts a service whose user has this password.
    ///
    /// # Errors
    ///
    /// Fails if no port can be listened on.
    pub async fn start(samples: Samples, password: &SecretString) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let shared = Arc::new(Mutex::new(Shared {
            state: State::new(password, samples.previous()),
            samples,
            twist: None,
            was_redirected: false,
            requests: 0,
        }));
        let (address, serving) = server::start(folder.path(), Arc::clone(&shared)).await?;
        Ok(Self {
            address,
            folder,
            shared,
            serving: Mutex::new(serving),
        })
    }

    /// Returns its address without a path.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Returns the folder with the file of its certificate authority.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the path of the file with its certificate authority.
    pub fn authority(&self) -> PathBuf {
        self.folder().join(Self::AUTHORITY)
    }

    /// Registers a password that requests may contain from now on. Of two in one request, the one
    /// that was registered later is the new one.
    pub fn know(&self, password: &SecretString) {
        self.shared().state.know(password);
    }

    /// Sets the user's password.
    pub fn set(&self, password: &SecretString) {
        self.shared().state.set(password);
    }

    /// Returns whether the user can log in with a password.
    pub fn accepts(&self, password: &SecretString) -> bool {
        self.shared().state.accepts(password)
    }

    /// Sets what happens to the next request.
    pub fn twist(&self, twist: Twist) {
        self.shared().twist = Some(twist);
    }

    /// Carries out the requests that the service has kept for later.
    pub fn release(&self) {
        self.shared().state.release();
    }

    /// Returns whether a client followed a redirect since the last call.
    pub fn was_redirected(&self) -> bool {
        std::mem::take(&mut self.shared().was_redirected)
    }

    /// Returns how many requests came.
    pub fn requests(&self) -> usize {
        self.shared().requests
    }

    /// Refuses connections from now on.
    pub fn stop(&self) {
        let mut serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        serving.abort_all();
        *serving = JoinSet::new();
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
