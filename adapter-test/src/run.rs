//! A complete test of an adapter.

use std::io;

use keyrota_contract::pins::service::Adapter;
use keyrota_function_base::secrets_manager::PasswordRule;
use secrecy::{ExposeSecret, SecretString};

use crate::conformance::{self, Candidates};
use crate::guarantee::Guarantee;
use crate::mock::Mock;
use crate::passwords::{self, PasswordError};
use crate::report::{Report, State};
use crate::search::Search;
use crate::subject::{Subject, User};

/// The ARN that the pins name for an adapter that is no HTTP adapter.
pub const PINNED_ARN: &str = "arn:aws:lambda:us-east-1:111122223333:function:adapter-under-test";

/// Why a test could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// The mock service could not be started.
    #[error("cannot start the mock service: {0}")]
    Mock(#[from] io::Error),
    /// No password could be made.
    #[error("cannot make a password: {0}")]
    Password(#[from] PasswordError),
    /// The user has another password than before, and the service does not take that one again.
    #[error(
        "the password of {0} is not what it was before the test, because the service does not accept it \
         again; set a new one as an administrator of the service"
    )]
    NotRestored(String),
}

/// What a test needs.
pub struct Test<'test, S> {
    /// The adapter.
    pub subject: &'test S,
    /// The user.
    pub user: &'test User,
    /// The adapter, as the pins name it.
    pub adapter: &'test Adapter,
    /// The rules for passwords.
    pub rule: &'test PasswordRule,
}

/// Returns passwords, of which the first is the user's.
///
/// # Errors
///
/// Fails if the rules cannot be followed.
pub fn candidates(right: SecretString, rule: &PasswordRule) -> Result<Candidates, PasswordError> {
    Ok(Candidates {
        right,
        wrong: passwords::random(rule)?,
        next: passwords::random(rule)?,
        unwanted: passwords::random(rule)?,
    })
}

impl<S: Subject> Test<'_, S> {
    /// Tests with the mock service, which ends refusing connections.
    ///
    /// # Errors
    ///
    /// Fails if no password can be made.
    pub async fn on_mock(&self, mock: &Mock, password: SecretString) -> Result<Report, TestError> {
        let mut report = Report::default();
        let candidates = candidates(password, self.rule)?;
        let all = [
            &candidates.right,
            &candidates.wrong,
            &candidates.next,
            &candidates.unwanted,
        ];
        all.iter().for_each(|password| mock.know(password));
        mock.set(&candidates.right);
        let mut used: Vec<SecretString> = all.into_iter().cloned().collect();
        let requests = conformance::requests(self.subject, self.user, &candidates, &mut report);
        let now = requests.await;
        self.search(Some(mock), now, &mut used, &mut report).await;
        conformance::faults(self.subject, self.user, mock, &candidates, &mut report).await;
        conformance::output(self.subject, &used, &mut report);
        Ok(report)
    }

    /// Tests with the real service, and restores the user's password.
    ///
    /// # Errors
    ///
    /// Fails if no password can be made, or if the password could not be restored.
    pub async fn on_service(&self, password: SecretString) -> Result<Report, TestError> {
        let mut report = Report::default();
        let candidates = candidates(password, self.rule)?;
        let mut used = vec![candidates.right.clone(), candidates.next.clone()];
        let requests = conformance::requests(self.subject, self.user, &candidates, &mut report);
        let now = requests.await;
        let now = self.search(None, now, &mut used, &mut report).await;
        for guarantee in [
            Guarantee::OutageIsNoAnswer,
            Guarantee::UnchangedIsTrue,
            Guarantee::GarbageIsUnclear,
            Guarantee::RedirectIsNotFollowed,
            Guarantee::PasswordIsKept,
        ] {
            report.not_tested(guarantee, "only the mock service can be made to fail");
        }
        conformance::output(self.subject, &used, &mut report);
        self.restore(&now, &candidates.right).await?;
        Ok(report)
    }

    /// Searches, unless the adapter does not do what a rotation is made of.
    async fn search(
        &self,
        mock: Option<&Mock>,
        password: SecretString,
        used: &mut Vec<SecretString>,
        report: &mut Report,
    ) -> SecretString {
        let basic = [
            Guarantee::LoginTellsPasswordsApart,
            Guarantee::ChangeTakesEffect,
        ];
        let is_broken = |guarantee| report.verdict(guarantee).state == State::Broken;
        if basic.into_iter().any(is_broken) {
            for guarantee in [Guarantee::PasswordIsKept, Guarantee::RotationRecovers] {
                report.not_tested(guarantee, "no rotation can succeed with this adapter");
            }
            return password;
        }
        let search = Search {
            subject: self.subject,
            user: self.user,
            adapter: self.adapter,
            rule: self.rule,
            mock,
        };
        let searched = search.run(password, report).await;
        used.extend(searched.used);
        searched.password
    }

    async fn restore(&self, now: &SecretString, before: &SecretString) -> Result<(), TestError> {
        if now.expose_secret() == before.expose_secret()
            || self.user.change(self.subject, now, before).await.is_ok()
            || self.user.authenticate(self.subject, before).await.is_ok()
        {
            return Ok(());
        }
        Err(TestError::NotRestored(self.user.username.clone()))
    }
}
