//! An application that reads its credential from the secret whenever it needs
//! one, and works on through rotations.

use std::time::Duration;

use crate::environment::{ACCOUNT, CommandOutput, Key, TestEnvironment};

/// Runs a command while an application of the secret's user keeps calling AWS
/// with the secret's current key. It is never refused: it reads the secret again
/// once, for a key that was replaced between reading and using it.
pub async fn works_through(
    test: &TestEnvironment,
    secret: &str,
    user: &str,
    command: &str,
) -> CommandOutput {
    let mut application = Application::start(test, secret, user).await;
    let ran = tokio::select! {
        ran = test.keyrota(command) => ran,
        refused = application.call_on() => panic!("{refused}"),
    };
    assert!(application.calls > 0, "the application had no turn\n{ran}");
    application
        .call()
        .await
        .unwrap_or_else(|refused| panic!("{refused}"));
    ran
}

/// An application that calls AWS with the key that it has read, as long as that
/// is accepted.
pub struct Application<'a> {
    test: &'a TestEnvironment,
    secret: &'a str,
    me: String,
    key: Key,
    pub calls: u32,
}

impl<'a> Application<'a> {
    /// Reads the key for the first time.
    pub async fn start(test: &'a TestEnvironment, secret: &'a str, user: &str) -> Self {
        Self {
            test,
            secret,
            me: format!("arn:aws:iam::{ACCOUNT}:user/{user}"),
            key: test.current_key(secret).await,
            calls: 0,
        }
    }

    /// Calls until it is refused, and returns how it was.
    pub async fn call_on(&mut self) -> String {
        loop {
            if let Err(refused) = self.call().await {
                return refused;
            }
            // Leaves the machine to the rotation: this is a load, not a race.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Calls with the key that was read at the end of the call before. Where that
    /// is refused it reads the secret again, and calls a second and last time.
    pub async fn call(&mut self) -> Result<(), String> {
        if self.answer().await.is_err() {
            self.key = self.test.current_key(self.secret).await;
            self.answer().await?;
        }
        self.key = self.test.current_key(self.secret).await;
        self.calls += 1;
        Ok(())
    }

    /// Reads the secret and calls with what is in it.
    pub async fn call_anew(&mut self) -> Result<(), String> {
        self.key = self.test.current_key(self.secret).await;
        self.calls += 1;
        self.answer().await
    }

    async fn answer(&self) -> Result<(), String> {
        match self.test.holder(&self.key).await {
            Ok(holder) if holder == self.me => Ok(()),
            Ok(holder) => Err(format!("{} is the key of {holder}", self.key.id)),
            Err(error) => Err(format!("{} is refused: {error}", self.key.id)),
        }
    }
}
