//! The adapter as the service of the steps, with a fault at one request.

use std::cell::{Cell, RefCell};

use keyrota_service_function::service::{Account, Cause, Previous, Service, ServiceError};
use secrecy::SecretString;
use tokio::sync::Notify;

use super::Search;
use super::fault::{Fault, Planned};
use crate::mock::{Answer, Twist};
use crate::subject::Subject;

/// The service.
pub struct FaultyService<'search, S> {
    search: &'search Search<'search, S>,
    planned: Option<Planned>,
    requests: Cell<usize>,
    /// The request before which the mock service carries out what it kept for later.
    release_at: Cell<Option<usize>>,
    /// What was asked, for reasons.
    asked: RefCell<Vec<&'static str>>,
    died: Notify,
}

enum Call<'call> {
    Authenticate(&'call SecretString),
    Change(&'call SecretString, &'call SecretString),
}

impl<'search, S: Subject> FaultyService<'search, S> {
    /// Returns the service.
    pub fn new(search: &'search Search<'search, S>, planned: Option<Planned>) -> Self {
        Self {
            search,
            planned,
            requests: Cell::new(0),
            release_at: Cell::new(None),
            asked: RefCell::default(),
            died: Notify::new(),
        }
    }

    /// Returns how many requests were made.
    pub fn requests(&self) -> usize {
        self.requests.get()
    }

    /// Returns the names of the requests.
    pub fn asked(&self) -> Vec<&'static str> {
        self.asked.borrow().clone()
    }

    /// Returns when the rotation function dies.
    pub async fn death(&self) {
        self.died.notified().await;
    }

    async fn send(&self, call: &Call<'_>) -> Result<Previous, ServiceError> {
        let Search { subject, user, .. } = self.search;
        match call {
            Call::Authenticate(password) => {
                let ended = user.authenticate(*subject, password).await;
                ended.map(|()| Previous::Void)
            }
            Call::Change(password, new) => user.change(*subject, password, new).await,
        }
    }

    async fn handle(&self, call: Call<'_>) -> Result<Previous, ServiceError> {
        let number = self.requests.replace(self.requests.get() + 1);
        self.asked.borrow_mut().push(match call {
            Call::Authenticate(_) => "authenticate",
            Call::Change(..) => "change",
        });
        if let Some(mock) = self.search.mock {
            let (Call::Authenticate(password) | Call::Change(password, _)) = call;
            mock.know(password);
            if let Call::Change(_, new) = call {
                mock.know(new);
            }
            if self.release_at.get() == Some(number) {
                mock.release();
            }
        }
        let fault = self.planned.filter(|planned| planned.request == number);
        let Some(Planned { fault, .. }) = fault else {
            return self.send(&call).await;
        };
        match fault {
            Fault::NotSent => Err(ServiceError::not_sent(Cause::EndpointUnreachable)),
            Fault::AnswerLost => {
                let _ = self.send(&call).await;
                Err(ServiceError::unclear(Cause::NoAnswer))
            }
            Fault::Repeated => {
                let _ = self.send(&call).await;
                self.send(&call).await
            }
            Fault::FunctionDiesBefore => self.die().await,
            Fault::FunctionDiesAfter => {
                let _ = self.send(&call).await;
                self.die().await
            }
            Fault::AdapterDiesBefore => {
                self.search.subject.end_process().await;
                Err(ServiceError::unclear(Cause::FunctionFailed))
            }
            Fault::AdapterDiesAfter => {
                let _ = self.send(&call).await;
                self.search.subject.end_process().await;
                Err(ServiceError::unclear(Cause::FunctionFailed))
            }
            Fault::Late(requests) => {
                let ended = self.twisted(&call, false, Answer::Later).await;
                self.release_at.set(Some(number + 1 + requests));
                ended
            }
            Fault::Twisted(twist) => self.twisted(&call, twist.carried_out, twist.answer).await,
        }
    }

    async fn twisted(
        &self,
        call: &Call<'_>,
        carried_out: bool,
        answer: Answer,
    ) -> Result<Previous, ServiceError> {
        if let Some(mock) = self.search.mock {
            mock.twist(Twist {
                carried_out,
                answer,
            });
        }
        self.send(call).await
    }

    async fn die(&self) -> Result<Previous, ServiceError> {
        self.died.notify_one();
        std::future::pending().await
    }
}

impl<S: Subject> Service for FaultyService<'_, S> {
    async fn authenticate(&self, _: &Account, password: &SecretString) -> Result<(), ServiceError> {
        self.handle(Call::Authenticate(password)).await.map(drop)
    }

    async fn change(
        &self,
        _: &Account,
        password: &SecretString,
        new_password: &SecretString,
    ) -> Result<Previous, ServiceError> {
        self.handle(Call::Change(password, new_password)).await
    }
}
