//! A user that an administrator creates, or sets the password of.

use keyrota_database_function::server::{ChangeError, Login, NewUser, Prepared, ServerFault};
use secrecy::ExposeSecret;

use super::mishap::AnyFault::Server as Answer;
use super::mishap::{ChangeFault, server_error};
use super::services::{FakeServices, USER, User};

impl FakeServices {
    /// Prepares a user with the rights of another one.
    pub(super) async fn prepare_like(
        &self,
        login: &Login,
        user: &NewUser<'_>,
        other: &str,
    ) -> Result<Prepared, ChangeError> {
        let (Some(slot), Some(like)) = (self.user_called(user.username), self.user_called(other))
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

    /// Prepares a user with the rights of the manifest.
    pub(super) async fn prepare_granted(
        &self,
        login: &Login,
        user: &NewUser<'_>,
    ) -> Result<Prepared, ChangeError> {
        let effect = || {
            self.log_in(login).map_err(ChangeFault::Unsent)?;
            if let Some(fault) = self.refuses.get() {
                return Err(ChangeFault::Sent(fault));
            }
            if user.username != USER {
                self.violated("a user was prepared who is not pinned");
            }
            let mut held = self.user.borrow_mut();
            let found = held.is_some();
            let whole = User::new(user.password.expose_secret());
            match (self.half.get(), found) {
                (None, _) => drop(held.replace(whole)),
                // In PostgreSQL, it is one transaction.
                (Some(_), _) if !self.setting.engine.has_hosts() => {}
                // The password is refused after the rights of a user that exists are granted, and
                // before a user is created.
                (Some(Answer(ServerFault::PasswordRefused)), true) => {
                    if let Some(user) = &mut *held {
                        user.has_rights = true;
                    }
                }
                (Some(_), true) | (Some(Answer(ServerFault::PasswordRefused)), false) => {}
                (Some(_), false) => {
                    held.replace(User {
                        has_rights: false,
                        ..whole
                    });
                }
            }
            Ok(match found {
                true => Prepared::Existed,
                false => Prepared::Created,
            })
        };
        let answer = self.call("prepare_granted", effect).await;
        answer.map_err(|fault| self.unprepared(login, fault))
    }
}
