//! The application of the tour. It calls AWS continuously with the key in the secret. If a call is
//! refused, it reads the secret again and retries, as a client of a rotating secret does.

use std::cell::Cell;
use std::convert::Infallible;
use std::time::Duration;

use super::scene::{SECRET, Scene};
use crate::model::{Content, Credential, Names};
use crate::port::{CURRENT, Identity, KeyPair, Secrets};
use crate::run;

/// The pause between two calls.
const PAUSE: Duration = Duration::from_millis(20);

/// The application and its counters.
pub(super) struct Application<'scene> {
    scene: &'scene Scene,
    working: Cell<bool>,
    calls: Cell<u32>,
    retries: Cell<u32>,
    refused: Cell<u32>,
}

impl<'scene> Application<'scene> {
    /// Returns an application that uses the user's original key until the secret contains one.
    pub(super) fn new(scene: &'scene Scene) -> Self {
        Self {
            scene,
            working: Cell::new(true),
            calls: Cell::new(0),
            retries: Cell::new(0),
            refused: Cell::new(0),
        }
    }

    /// Calls AWS for as long as it is polled.
    pub(super) async fn run(&self) -> Infallible {
        let mut key = self.scene.original.clone();
        loop {
            if self.working.get() {
                key = self.call(key).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Stops the application before its secret is deleted.
    pub(super) fn stop(&self) {
        self.working.set(false);
    }

    /// Returns how many calls it made, how often it had to read the secret again, and how many
    /// calls were refused even then.
    pub(super) fn record(&self) -> (u32, u32, u32) {
        (self.calls.get(), self.retries.get(), self.refused.get())
    }

    async fn call(&self, key: KeyPair) -> KeyPair {
        self.calls.set(self.calls.get() + 1);
        let key = self.read().await.unwrap_or(key);
        if self.scene.application.holder(&key).await.is_ok() {
            return key;
        }
        self.retries.set(self.retries.get() + 1);
        let key = self.read().await.unwrap_or(key);
        if self.scene.application.holder(&key).await.is_err() {
            self.refused.set(self.refused.get() + 1);
        }
        key
    }

    /// Returns the key in the secret, once there is one.
    async fn read(&self) -> Option<KeyPair> {
        let value = self.scene.application.value(SECRET, CURRENT).await.ok()??;
        match Credential::read(&value.text, Names::default_names()) {
            Content::Complete(credential) => Some(run::key_pair(&credential)),
            _ => None,
        }
    }
}
