//! Rotations with one fault each: the service function's own steps, over a secret in memory, with the
//! adapter under test.
//!
//! | module | content |
//! | --- | --- |
//! | [`fault`] | what can happen to a request |
//! | [`service`] | the adapter as the service of the steps, with a fault at one request |
//! | [`rotation`] | a rotation with its retries, and what must hold meanwhile |

pub mod fault;
pub mod rotation;
pub mod service;

use std::cell::Cell;

use keyrota_contract::pins::service::Adapter;
use keyrota_function_base::secrets_manager::PasswordRule;
use secrecy::SecretString;

use self::fault::{Fault, Planned};
use self::rotation::{Ended, Scene};
use crate::guarantee::Guarantee;
use crate::mock::Mock;
use crate::report::Report;
use crate::subject::{Subject, User};

/// What the search needs.
pub struct Search<'search, S> {
    /// The adapter.
    pub subject: &'search S,
    /// The user.
    pub user: &'search User,
    /// The adapter, as the pins name it.
    pub adapter: &'search Adapter,
    /// The rules for passwords.
    pub rule: &'search PasswordRule,
    /// The mock service, unless the service is real.
    pub mock: Option<&'search Mock>,
    /// Whether to stop before the next rotation.
    pub stopped: &'search Cell<bool>,
}

/// What a search came to.
pub struct Searched {
    /// The password that the user has, as far as logins show.
    pub password: SecretString,
    /// The passwords that the user may have instead, because no login showed which after the last rotation.
    pub possible: Vec<SecretString>,
    /// The passwords that were used.
    pub used: Vec<SecretString>,
}

impl<S: Subject> Search<'_, S> {
    /// Rotates without a fault, and then with each fault at each request. It ends early when it is
    /// stopped, and when it does not know the password of a real service's user any more: each further
    /// rotation would only fail to log in.
    pub async fn run(&self, password: SecretString, report: &mut Report) -> Searched {
        let mut searched = Searched {
            password,
            possible: Vec::new(),
            used: Vec::new(),
        };
        if self.stopped.get() {
            return searched;
        }
        let ended = self.one(&mut searched, None, report).await;
        // A rotation makes the same requests each time, and more after a fault.
        for fault in Fault::all(self.mock.is_some(), self.subject.has_process()) {
            for request in 0..ended.requests {
                let is_lost = self.mock.is_none() && !searched.possible.is_empty();
                if self.stopped.get() || is_lost {
                    return searched;
                }
                let planned = Planned { request, fault };
                self.one(&mut searched, Some(planned), report).await;
            }
        }
        searched
    }

    async fn one(
        &self,
        searched: &mut Searched,
        planned: Option<Planned>,
        report: &mut Report,
    ) -> Ended {
        if let Some(mock) = self.mock {
            mock.set(&searched.password);
        }
        let scene = Scene {
            search: self,
            planned,
        };
        let ended = scene.rotate(&searched.password).await;
        searched.used.extend(ended.used.iter().cloned());
        searched.password = ended.password.clone();
        searched.possible = match ended.is_known {
            true => Vec::new(),
            false => ended.used.clone(),
        };
        let when = planned.map_or("without any fault".to_owned(), |planned| planned.phrase());
        let mut judge = |guarantee, found: &Option<String>| match found {
            None => report.holds(guarantee),
            Some(why) => report.broken(guarantee, format!("{when}: {why}")),
        };
        if self.mock.is_some() {
            judge(Guarantee::PasswordIsKept, &ended.lost);
        }
        judge(Guarantee::RotationRecovers, &ended.stuck);
        ended
    }
}
