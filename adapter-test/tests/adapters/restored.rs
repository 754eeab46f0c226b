//! A test with a real service ends with the password from before the test.

use std::cell::{Cell, RefCell};

use keyrota_adapter_test::guarantee::Guarantee;
use keyrota_adapter_test::passwords;
use keyrota_adapter_test::report::State;
use keyrota_adapter_test::run::{NotRestored, PINNED_ARN, ServiceTest, Test};
use keyrota_adapter_test::subject::Subject;
use keyrota_adapter_test::{Cause, Previous, ServiceError};
use keyrota_contract::adapter::Request;
use keyrota_contract::pins::service::Adapter;
use keyrota_service_function::service::ServiceFault;
use secrecy::ExposeSecret;

use crate::trial::user;

const FIRST: &str = "The-first-password-1";
/// The login after the first change.
const AFTER_THE_CHANGE: usize = 4;

/// A service with one user, which does not answer at some requests.
struct Directory {
    /// The passwords that work. The last is the present one.
    works: RefCell<Vec<String>>,
    /// Whether the previous password keeps working.
    previous: Previous,
    /// Whether a former password is accepted as a new one.
    takes_former: bool,
    /// The numbers, from 1, of the requests whose answer is lost.
    lost: Vec<usize>,
    /// The number of the request during which the test is interrupted.
    interrupted: usize,
    requests: Cell<usize>,
    stopped: Cell<bool>,
}

impl Directory {
    fn new(previous: Previous) -> Self {
        Self {
            works: RefCell::new(vec![FIRST.to_owned()]),
            previous,
            takes_former: true,
            lost: Vec::new(),
            interrupted: usize::MAX,
            requests: Cell::new(0),
            stopped: Cell::new(false),
        }
    }

    fn present(&self) -> String {
        self.works.borrow().last().cloned().unwrap_or_default()
    }

    fn handle(&self, request: &Request<'_>) -> Result<Previous, ServiceError> {
        let mut works = self.works.borrow_mut();
        let password = request.password.expose_secret();
        if !works.iter().any(|one| one == password) {
            return Err(ServiceError::answered(ServiceFault::WrongPassword, None));
        }
        let Some(new) = request.new_password else {
            return Ok(Previous::Void);
        };
        let new = new.expose_secret();
        if new == FIRST && !self.takes_former {
            return Err(ServiceError::answered(ServiceFault::PasswordRejected, None));
        }
        *works = match self.previous {
            Previous::Works => vec![password.to_owned(), new.to_owned()],
            Previous::Void => vec![new.to_owned()],
        };
        Ok(self.previous)
    }

    async fn test(&self) -> ServiceTest {
        let test = Test {
            subject: self,
            user: &user(&[]),
            adapter: &Adapter::Function(PINNED_ARN.to_owned()),
            rule: &passwords::usual_rule(),
        };
        let tested = test.on_service(FIRST.into(), &self.stopped).await;
        tested.expect("a report")
    }
}

impl Subject for Directory {
    async fn send(&self, request: &Request<'_>) -> Result<Previous, ServiceError> {
        let number = self.requests.get() + 1;
        self.requests.set(number);
        if number == self.interrupted {
            self.stopped.set(true);
        }
        let ended = self.handle(request);
        match self.lost.contains(&number) {
            true => Err(ServiceError::unclear(Cause::NoAnswer)),
            false => ended,
        }
    }

    async fn end_process(&self) {}

    fn has_process(&self) -> bool {
        false
    }

    fn output(&self) -> String {
        String::new()
    }
}

/// Returns how many requests a test makes in which nothing happens.
async fn requests(previous: Previous) -> usize {
    let directory = Directory::new(previous);
    let tested = directory.test().await;
    assert!(tested.report.is_sound());
    assert_eq!(directory.present(), FIRST);
    directory.requests.get()
}

#[tokio::test]
async fn a_login_that_fails_once_after_a_change_does_not_count_as_restored() {
    let mut directory = Directory::new(Previous::Void);
    directory.lost = vec![AFTER_THE_CHANGE];
    let tested = directory.test().await;
    let verdict = tested.report.verdict(Guarantee::ChangeTakesEffect);
    assert_eq!(verdict.state, State::Broken);
    assert_eq!(tested.restored, Ok(()));
    assert_eq!(directory.present(), FIRST);
}

#[tokio::test]
async fn the_password_is_restored_whichever_answers_are_lost() {
    for previous in [Previous::Void, Previous::Works] {
        for first in 1..=requests(previous).await {
            for lost in [vec![first], vec![first, first + 1]] {
                let mut directory = Directory::new(previous);
                directory.lost = lost;
                let tested = directory.test().await;
                let case = (previous, &directory.lost);
                assert_eq!(tested.restored, Ok(()), "{case:?}");
                assert_eq!(directory.present(), FIRST, "{case:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_interrupted_test_ends_after_the_rotation_and_restores_the_password() {
    let all = requests(Previous::Void).await;
    // The most that a rotation and the restoration take.
    let most = 16;
    assert!(all > 4 * most, "{all}");
    for interrupted in 1..=all {
        let mut directory = Directory::new(Previous::Void);
        directory.interrupted = interrupted;
        let tested = directory.test().await;
        assert_eq!(tested.restored, Ok(()), "{interrupted}");
        assert_eq!(directory.present(), FIRST, "{interrupted}");
        assert!(
            directory.requests.get() <= interrupted + most,
            "{interrupted}"
        );
    }
}

#[tokio::test]
async fn a_test_that_is_interrupted_before_it_begins_sends_nothing() {
    let directory = Directory::new(Previous::Void);
    directory.stopped.set(true);
    assert_eq!(directory.test().await.restored, Ok(()));
    assert_eq!(directory.requests.get(), 0);
}

#[tokio::test]
async fn a_password_that_cannot_be_restored_leaves_the_report() {
    let mut directory = Directory::new(Previous::Void);
    directory.takes_former = false;
    let tested = directory.test().await;
    assert_eq!(tested.restored, Err(NotRestored("billing".to_owned())));
    let verdict = tested.report.verdict(Guarantee::RotationRecovers);
    assert_eq!(verdict.state, State::Holds, "{:?}", verdict.reasons);
}
