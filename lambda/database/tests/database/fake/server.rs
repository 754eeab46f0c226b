//! The server and the clock.

use std::time::Duration;

use keyrota_database_function::port::{Clock, Moment};
use keyrota_database_function::server::{
    Account, Accounts, Change, ChangeError, Endpoint, Inspection, Login, LoginLimits, NewUser,
    Prepared, PreviousPassword, Server, ServerError, ServerFault,
};
use keyrota_test_function::secrets::FakeSecrets as _;
use secrecy::ExposeSecret;

use super::mishap::{ChangeFault, server_error};
use super::services::{ADMINISTRATOR, ADMINISTRATOR_ARN, FakeServices, HOST, USER, User};

impl FakeServices {
    /// Records what is sent to which server. After a login that was broken off for a reason
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

    fn log_in(&self, login: &Login) -> Result<(), ServerFault> {
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

    /// Records a login that was broken off.
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

    /// Returns the error of a change, and records a login that was broken off.
    fn unprepared(&self, login: &Login, fault: ChangeFault) -> ChangeError {
        match fault {
            ChangeFault::Sent(fault) => ChangeError::Sent(server_error(fault)),
            ChangeFault::Unsent(fault) => {
                self.note_fault(login, fault);
                ChangeError::Unsent(server_error(fault))
            }
        }
    }

    /// Returns the accounts that a session may read.
    fn accounts(&self, login: &Login) -> Accounts {
        let hosts = self.hosts.borrow();
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
                accounts: self.accounts(login),
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
        let (Some(slot), Some(like)) =
            (self.user_called(user.username), self.user_called(user.like))
        else {
            self.violated("a user was prepared who is not pinned");
            return Err(ChangeError::Unsent(server_error(ServerFault::NotAllowed)));
        };
        let password = user.password.expose_secret();
        let admitted = || {
            self.log_in(login).map_err(ChangeFault::Unsent)?;
            if let Some(fault) = self.refuses.get() {
                return Err(ChangeFault::Sent(fault));
            }
            match like.borrow().is_some() {
                true => Ok(()),
                false => Err(ChangeFault::Unsent(ServerFault::UserUnknown)),
            }
        };
        // Servers with hosts create a user, grant it its rights, and then set the password of one
        // that existed.
        if self.setting.engine.has_hosts() {
            let is_missing = slot.borrow().is_none();
            if is_missing {
                let effect = || {
                    admitted()?;
                    // Another run may have created it meanwhile.
                    if slot.borrow().is_some() {
                        return Err(ChangeFault::Unsent(ServerFault::Busy));
                    }
                    slot.replace(Some(User {
                        has_rights: false,
                        ..User::new(password)
                    }));
                    Ok(())
                };
                let answer = self.call("create", effect).await;
                answer.map_err(|fault| self.unprepared(login, fault))?;
            }
            let effect = || {
                if let Some(user) = &mut *slot.borrow_mut() {
                    user.has_rights = true;
                }
                Ok(())
            };
            let answer = self.call("grant", effect).await;
            answer.map_err(|fault: ChangeFault| self.unprepared(login, fault))?;
            if is_missing {
                return Ok(Prepared::Created);
            }
        }
        let effect = || {
            admitted()?;
            let mut user = slot.borrow_mut();
            let has_rights = !self.setting.engine.has_hosts()
                || user.as_ref().is_some_and(|user| user.has_rights);
            let before = user.replace(User {
                has_rights,
                ..User::new(password)
            });
            Ok(match before {
                Some(_) => Prepared::Existed,
                None => Prepared::Created,
            })
        };
        let answer = self.call("prepare", effect).await;
        answer.map_err(|fault| self.unprepared(login, fault))
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
