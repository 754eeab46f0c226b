//! The event of a function.

use keyrota_contract::event as contract;
use keyrota_function_base::event::{Invocation, Payload};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::assert_silent;

/// Reads the event as each function does, and writes it again as the program does.
///
/// # Panics
///
/// Panics if an error repeats a secret, or if what was read differs from what was written.
pub fn run(input: &[u8]) {
    let Ok(payload) = serde_json::from_slice::<Payload>(input) else {
        return;
    };
    let event = match Invocation::read(&payload) {
        Ok(event) => event,
        Err(error) => {
            let text = error.to_string();
            assert_silent(&text);
            assert!(text.starts_with("read the event: "), "{text}");
            return;
        }
    };
    let json: Value = serde_json::from_slice(input).expect("it was read above");
    let text = |field: &str| json[field].as_str().unwrap_or_default();
    let written = match &event {
        Invocation::Step(step) => {
            assert_eq!(text(contract::STEP), step.step.name());
            assert_eq!(text(contract::SECRET_ID), step.secret.as_str());
            assert_eq!(text(contract::TOKEN), step.token.as_str());
            let token = step.rotation_token.as_ref();
            let token = token.map(ExposeSecret::expose_secret).unwrap_or_default();
            assert_eq!(text(contract::ROTATION_TOKEN), token);
            assert!(json.get(contract::WORK).is_none());
            return;
        }
        Invocation::Sweep(secrets) => {
            assert!(!secrets.is_empty());
            let secrets: Vec<&str> = secrets.iter().map(|it| it.as_str()).collect();
            contract::sweep(&secrets)
        }
        Invocation::Check(check) => match &check.version {
            Some(version) => contract::check(check.secret.as_str(), version.as_str()),
            None => contract::rehearsal(check.secret.as_str()),
        },
        Invocation::DropUser(secret) => contract::drop_user(secret.as_str()),
    };
    let again: Payload = serde_json::from_str(&written).expect("it is JSON");
    match (event, Invocation::read(&again)) {
        (Invocation::Sweep(one), Ok(Invocation::Sweep(other))) => assert_eq!(one, other),
        (Invocation::Check(one), Ok(Invocation::Check(other))) => {
            assert_eq!(one.secret, other.secret);
            assert!(one.version == other.version);
        }
        (Invocation::DropUser(one), Ok(Invocation::DropUser(other))) => assert_eq!(one, other),
        _ => panic!("another event is read: {written}"),
    }
}
