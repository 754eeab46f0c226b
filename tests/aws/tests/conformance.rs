//! Runs the conformance suites with the fakes.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use keyrota_test_aws::conformance;
use keyrota_test_aws::fake::{FakeIam, FakeSecretsManager};

/// The fakes never wait.
fn run(suite: impl Future<Output = ()>) {
    let polled = pin!(suite).poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready(()));
}

#[test]
fn the_fake_of_secrets_manager_is_as_documented() {
    run(conformance::secrets_manager(&FakeSecretsManager::default()));
}

#[test]
fn the_fake_of_iam_is_as_documented() {
    run(conformance::iam(&FakeIam::default()));
}
