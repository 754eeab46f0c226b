//! The service and the clock.

use std::time::Duration;

use keyrota_service_function::port::{Clock, Moment};
use keyrota_service_function::service::{Account, Previous, Service, ServiceError, ServiceFault};
use keyrota_test_function::secrets::FakeSecrets as _;
use secrecy::{ExposeSecret, SecretString};

use super::mishap::service_error;
use super::services::{FakeServices, User};

impl FakeServices {
    /// Records what is sent where. After a login that was interrupted for a reason other than a wrong
    /// password, an impostor may be waiting for anything that is sent next.
    fn approach(&self, account: &Account, password: &str) {
        if *account != self.account() {
            self.violated("a password was sent to an adapter or for a user that is not pinned");
        }
        if let Some(before) = &*self.broken_off.borrow()
            && before != password
        {
            self.violated("another password was offered after a failure that was no wrong one");
        }
    }

    /// Tries a password where logins go, which on a farm is a member that learns it later, except after
    /// [`Mishap::Fresh`](super::Mishap::Fresh).
    fn log_in(&self, password: &str) -> Result<(), ServiceFault> {
        if let Some(fault) = self.down.get() {
            return Err(fault);
        }
        let is_known = match self.fresh.get() {
            true => self.knows(password),
            false => self.member_knows(password),
        };
        match is_known {
            true => Ok(()),
            false => Err(ServiceFault::WrongPassword),
        }
    }

    /// Replaces a password where changes go.
    fn replace(&self, old: &str, new: &str) -> Result<Previous, ServiceFault> {
        if let Some(fault) = self.refuses.get() {
            return Err(fault);
        }
        if !self.knows(old) {
            return Err(ServiceFault::WrongPassword);
        }
        let mut user = self.user.borrow_mut();
        let before = user.as_ref().map(|user| match &user.stale {
            Some((stale, until)) if self.now.get() < *until => stale.clone(),
            _ => user.primary.clone(),
        });
        let until = self.now.get() + self.setting.propagation;
        *user = Some(User {
            primary: new.to_owned(),
            secondary: Some(old.to_owned()).filter(|_| self.setting.retains),
            stale: before
                .filter(|_| !self.setting.propagation.is_zero())
                .map(|before| (before, until)),
        });
        Ok(match self.setting.retains {
            true => Previous::Works,
            false => Previous::Void,
        })
    }
}

impl Service for FakeServices {
    async fn authenticate(
        &self,
        account: &Account,
        password: &SecretString,
    ) -> Result<(), ServiceError> {
        let password = password.expose_secret();
        self.approach(account, password);
        let answer = self
            .call("authenticate", None, || self.log_in(password))
            .await;
        match &answer {
            Ok(()) => self.wrong_logins.set(0),
            Err(ServiceFault::WrongPassword) => {
                let wrong = self.wrong_logins.get() + 1;
                self.wrong_logins.set(wrong);
                self.most_wrong.set(self.most_wrong.get().max(wrong));
            }
            // The two runs are processes of their own.
            Err(_) if !self.turns.are_taken() => {
                self.broken_off.replace(Some(password.to_owned()));
            }
            Err(_) => {}
        }
        answer.map_err(service_error)
    }

    async fn change(
        &self,
        account: &Account,
        password: &SecretString,
        new_password: &SecretString,
    ) -> Result<Previous, ServiceError> {
        let (old, new) = (password.expose_secret(), new_password.expose_secret());
        self.approach(account, old);
        let pretended = Some(Previous::Void);
        let answer = self
            .call("change", pretended, || self.replace(old, new))
            .await;
        answer.map_err(service_error)
    }
}

impl Clock for FakeServices {
    fn now(&self) -> Duration {
        self.now.get()
    }

    fn moment(&self) -> Moment {
        self.today()
    }

    async fn sleep(&self, duration: Duration) {
        let turn = self.turns.wait("sleep").await;
        self.now.set(self.now.get() + duration);
        self.turns.answered(turn, || self.now.get());
    }
}
