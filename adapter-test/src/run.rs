//! A complete test of an adapter.

use std::cell::Cell;
use std::io;

use keyrota_contract::pins::service::Adapter;
use keyrota_function_base::secrets_manager::PasswordRule;
use secrecy::{ExposeSecret, SecretString};

use crate::conformance::{self, Candidates};
use crate::guarantee::Guarantee;
use crate::mock::Mock;
use crate::passwords::{self, PasswordError};
use crate::report::{Report, State};
use crate::search::{Search, Searched};
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
}

/// The user does not have the password from before the test. It contains the user name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot restore the password of {0}: a login with the password from before the test fails")]
pub struct NotRestored(pub String);

/// What a test with the real service came to.
#[derive(Debug)]
pub struct ServiceTest {
    /// What was found.
    pub report: Report,
    /// Whether the user has the password from before the test.
    pub restored: Result<(), NotRestored>,
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
        let now = now.unwrap_or_else(|| candidates.right.clone());
        let stopped = Cell::new(false);
        let searched = self.search(Some(mock), now, &stopped, &mut report);
        used.extend(searched.await.used);
        conformance::faults(self.subject, self.user, mock, &candidates, &mut report).await;
        conformance::output(self.subject, &used, &mut report);
        Ok(report)
    }

    /// Tests with the real service, and restores the user's password. The future must be awaited to its
    /// end: nothing else knows the password in between. When `stopped` becomes true, the test ends after
    /// the rotation under way, and restores the password.
    ///
    /// # Errors
    ///
    /// Fails if no password can be made. Then no change was sent.
    pub async fn on_service(
        &self,
        password: SecretString,
        stopped: &Cell<bool>,
    ) -> Result<ServiceTest, TestError> {
        let mut report = Report::default();
        let candidates = candidates(password, self.rule)?;
        let (subject, user) = (self.subject, self.user);
        let changed = match stopped.get() {
            true => None,
            false => conformance::requests(subject, user, &candidates, &mut report).await,
        };
        let now = changed.as_ref().unwrap_or(&candidates.right).clone();
        let searched = self.search(None, now, stopped, &mut report).await;
        for guarantee in [
            Guarantee::OutageIsNoAnswer,
            Guarantee::UnchangedIsTrue,
            Guarantee::GarbageIsUnclear,
            Guarantee::RedirectIsNotFollowed,
            Guarantee::PasswordIsKept,
        ] {
            report.not_tested(guarantee, "only the mock service can be made to fail");
        }
        let restored = match changed {
            Some(_) => self.restore(&searched, &candidates).await,
            None => Ok(()),
        };
        let mut used = searched.used;
        used.extend([candidates.right, candidates.next, candidates.unwanted]);
        conformance::output(self.subject, &used, &mut report);
        Ok(ServiceTest { report, restored })
    }

    /// Searches, unless the adapter does not do what a rotation is made of.
    async fn search(
        &self,
        mock: Option<&Mock>,
        password: SecretString,
        stopped: &Cell<bool>,
        report: &mut Report,
    ) -> Searched {
        let basic = [
            Guarantee::LoginTellsPasswordsApart,
            Guarantee::ChangeTakesEffect,
        ];
        let is_broken = |guarantee| report.verdict(guarantee).state == State::Broken;
        if basic.into_iter().any(is_broken) {
            for guarantee in [Guarantee::PasswordIsKept, Guarantee::RotationRecovers] {
                report.not_tested(guarantee, "no rotation can succeed with this adapter");
            }
            return Searched {
                password,
                possible: Vec::new(),
                used: Vec::new(),
            };
        }
        let search = Search {
            subject: self.subject,
            user: self.user,
            adapter: self.adapter,
            rule: self.rule,
            mock,
            stopped,
        };
        search.run(password, report).await
    }

    /// Restores the password from before the test. A login can fail for another reason than its
    /// password, so this tries every password that the user may have, and believes only a login.
    async fn restore(
        &self,
        searched: &Searched,
        candidates: &Candidates,
    ) -> Result<(), NotRestored> {
        let before = &candidates.right;
        let works = async || self.user.authenticate(self.subject, before).await.is_ok();
        let is_before =
            |password: &SecretString| password.expose_secret() == before.expose_secret();
        // Where two passwords work, the old one may stop working later unless a change brings it back.
        let is_sure = is_before(&searched.password) && searched.possible.is_empty();
        if is_sure && works().await {
            return Ok(());
        }
        let others = [&candidates.next, &candidates.unwanted];
        let possible = [&searched.password].into_iter();
        let possible = possible.chain(searched.possible.iter().rev()).chain(others);
        for password in possible.filter(|password| !is_before(password)) {
            // Its answer may be wrong, or be lost.
            let _ = self.user.change(self.subject, password, before).await;
            if works().await {
                return Ok(());
            }
        }
        Err(NotRestored(self.user.username.clone()))
    }
}
