//! The server and the clock.

use std::time::Duration;

use keyrota_database_function::port::{Clock, Moment};
use keyrota_database_function::server::{
    Account, Accounts, Change, ChangeError, Dropped, Endpoint, Inspection, Login, LoginLimits,
    NewUser, Prepared, PreviousPassword, Rights, Server, ServerError, ServerFault,
};
use keyrota_test_function::secrets::FakeSecrets as _;
use secrecy::ExposeSecret;

use super::mishap::{ChangeFault, server_error};
use super::services::{ADMINISTRATOR, ADMINISTRATOR_ARN, FakeServices, HOST, USER};

impl FakeServices {
    /// Records what is sent to which server. After a login that was interrupted for a reason
    /// other than a wrong password, an impostor may be waiting for anything that is sent next.
    fn approach(&self, endpoint: &Endpoint, login: &Login) {
        if endpoint.host != HOST || endpoint.port != 5432 {
            self.violated("a password was sent to a server that is not pinned");
        }
        let password = login.password.expose_secret();
        let is_administrator = login.username == ADMINISTRATOR;
        if is_administrator && self.setting.rotate_as == "self" {
            self.violated("an administrator logged in where none is pinned");
        }
        if is_administrator && !self.is_in_administrators_secret(password) {
            self.violated("another password than the administrator's was sent as its own");
        }
        if !is_administrator && self.user_called(&login.username).is_none() {
            self.violated("a user logged in who is not pinned");
        }
        if let Some(before) = &*self.broken_off.borrow()
            && before != password
        {
            self.violated("another password was offered after a failure that was no wrong one");
        }
    }

    fn is_in_administrators_secret(&self, password: &str) -> bool {
        let secrets = self.secrets.borrow();
        let mut versions = secrets[ADMINISTRATOR_ARN].versions.values();
        let password = serde_json::json!(password).to_string();
        let holds = |value: &String| value.contains(&password);
        versions.any(|version| version.value.as_ref().is_some_and(holds))
    }

    pub(super) fn log_in(&self, login: &Login) -> Result<(), ServerFault> {
        if let Some(fault) = self.down.get() {
            return Err(fault);
        }
        let password = login.password.expose_secret();
        let good = match login.username.as_str() {
            ADMINISTRATOR => password == self.administrator_password(),
            username => self.user_called(username).is_some_and(|user| {
                let user = user.borrow();
                user.as_ref().is_some_and(|user| user.knows(password))
            }),
        };
        if good {
            Ok(())
        } else {
            Err(ServerFault::WrongCredentials)
        }
    }

    /// Records a login that was interrupted.
    fn note<T>(&self, login: &Login, answer: Result<T, ServerFault>) -> Result<T, ServerError> {
        if let Err(fault) = &answer {
            self.note_fault(login, *fault);
        }
        answer.map_err(server_error)
    }

    fn note_fault(&self, login: &Login, fault: ServerFault) {
        if ![ServerFault::WrongCredentials, ServerFault::Unclear].contains(&fault)
            // The two runs are processes of their own.
            && !self.turns.are_taken()
        {
            let password = login.password.expose_secret().to_owned();
            self.broken_off.replace(Some(password));
        }
    }

    /// Returns the error of a change, and records a login that was interrupted.
    pub(super) fn unprepared(&self, login: &Login, fault: ChangeFault) -> ChangeError {
        match fault {
            ChangeFault::Sent(fault) => ChangeError::Sent(server_error(fault)),
            ChangeFault::Unsent(fault) => {
                self.note_fault(login, fault);
                ChangeError::Unsent(server_error(fault))
            }
        }
    }

    /// Returns the accounts of a user that a session may read.
    fn accounts(&self, login: &Login, username: &str) -> Accounts {
        let mut hosts = self.hosts.borrow().clone();
        let user = self.user_called(username);
        if user.is_none_or(|user| user.borrow().is_none()) {
            hosts.clear();
        }
        let is_user = login.username != ADMINISTRATOR;
        let sees = self.sees.get().unwrap_or(!is_user);
        Accounts {
            own: hosts
                .first()
                .filter(|_| is_user)
                .map(|host| Account::new(*host)),
            all: sees.then(|| hosts.iter().map(|host| Account::new(*host)).collect()),
        }
    }
}

impl Server for FakeServices {
    async fn authenticate(&self, endpoint: &Endpoint, login: &Login) -> Result<(), ServerError> {
        self.approach(endpoint, login);
        let answer = self.call("authenticate", || self.log_in(login)).await;
        self.note(login, answer)
    }

    async fn inspect(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
    ) -> Result<Inspection, ServerError> {
        self.approach(endpoint, login);
        assert!(self.user_called(username).is_some());
        let effect = || {
            self.log_in(login)?;
            Ok(Inspection {
                expiry: self.expiry.get(),
                accounts: self.accounts(login, username),
                limits: LoginLimits {
                    failures: self.tolerates.get(),
                    ..LoginLimits::default()
                },
            })
        };
        let answer = self.call("inspect", effect).await;
        self.note(login, answer)
    }

    async fn change(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        change: &Change<'_>,
    ) -> Result<PreviousPassword, ChangeError> {
        self.approach(endpoint, login);
        let effect = || {
            self.log_in(login).map_err(ChangeFault::Unsent)?;
            if let Some(fault) = self.refuses.get() {
                return Err(ChangeFault::Sent(fault));
            }
            self.every.set(change.every);
            if change.username != USER {
                self.violated("the password of a user was changed who is not pinned");
            }
            let mut user = self.user.borrow_mut();
            let user = match &mut *user {
                Some(user) if change.username == USER => user,
                _ => return Err(ChangeFault::Sent(ServerFault::UserUnknown)),
            };
            let password = change.password.expose_secret().to_owned();
            let before = std::mem::replace(&mut user.primary, password);
            if change.retain && self.setting.retains {
                user.secondary = Some(before);
                Ok(PreviousPassword::Retained)
            } else if self.keeps_old.get() {
                user.secondary = Some(before);
                Ok(PreviousPassword::Void)
            } else {
                // MySQL keeps the password that was retained before.
                Ok(PreviousPassword::Void)
            }
        };
        let answer = self.call("change", effect).await;
        answer.map_err(|fault| self.unprepared(login, fault))
    }

    async fn prepare(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        user: &NewUser<'_>,
    ) -> Result<Prepared, ChangeError> {
        self.approach(endpoint, login);
        match user.rights {
            Rights::Of(other) => self.prepare_like(login, user, other).await,
            Rights::Granted { .. } => self.prepare_granted(login, user).await,
        }
    }

    async fn has_user(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
    ) -> Result<bool, ServerError> {
        self.approach(endpoint, login);
        let effect = || {
            self.log_in(login)?;
            assert_eq!(username, USER);
            Ok(self.user.borrow().is_some())
        };
        let answer = self.call("has_user", effect).await;
        self.note(login, answer)
    }

    async fn drop_user(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
        _: &[String],
    ) -> Result<Dropped, ServerError> {
        self.approach(endpoint, login);
        let effect = || {
            self.log_in(login)?;
            assert_eq!(username, USER);
            if let Some(reason) = self.keeps_user.get() {
                return Ok(Dropped::Kept(reason.to_owned()));
            }
            self.user.replace(None);
            self.allow_breakage();
            Ok(Dropped::Gone)
        };
        let answer = self.call("drop_user", effect).await;
        self.note(login, answer)
    }

    async fn discard(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
        _: bool,
    ) -> Result<(), ServerError> {
        self.approach(endpoint, login);
        let effect = || {
            self.log_in(login)?;
            assert_eq!(username, USER);
            if let Some(user) = &mut *self.user.borrow_mut() {
                user.secondary = None;
            }
            Ok(())
        };
        let answer = self.call("discard", effect).await;
        self.note(login, answer)
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
        self.turns.answered(turn, || (duration, self.now.get()));
        self.pass(duration);
    }
}
