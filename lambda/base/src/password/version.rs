//! What the content of a version means for a rotation of its password.

use crate::secret::{Content, Credential, Unreadable};

/// A credential with a password.
pub trait WithPassword: Credential {
    /// Returns whether both have the same password.
    fn has_password_of(&self, other: &Self) -> bool;

    /// Returns whether a value that lacks some fields has a password.
    fn is_present(partial: &Self::Partial) -> bool;
}

/// Returns whether a version repeats the current password.
pub fn is_repeated<C: WithPassword>(pending: &C, current: &Content<C>) -> bool {
    matches!(current, Content::Complete(current) if pending.has_password_of(current))
}

/// Returns why there is no password to set, or `None` if there is one. `is_current` returns whether a
/// credential repeats the current password. `finishSecret` promotes no version without a password.
pub fn nothing_to_set<C: WithPassword>(
    pending: &Content<C>,
    is_current: impl FnOnce(&C) -> bool,
) -> Option<&'static str> {
    match pending {
        Content::Nothing => Some("the version has no value"),
        Content::Partial(partial) if !C::is_present(partial) => Some("the version has no password"),
        Content::Complete(pending) if is_current(pending) => {
            Some("the version holds the current password")
        }
        _ => None,
    }
}

/// Returns why `testSecret` is a test of the configuration, or `None` if it is a rotation. `absent`
/// says that the secret has no such version.
///
/// Secrets Manager calls this step alone to test the configuration of a rotation if
/// `RotateImmediatelyOnUpdate` is false. It uses a temporary version whose content is not documented.
/// Source: `AWS::SecretsManager::RotationSchedule` in the CloudFormation reference.
pub fn configuration_test<C: WithPassword>(
    absent: bool,
    current: &Content<C>,
    pending: &Content<C>,
) -> Option<&'static str> {
    match pending {
        _ if absent => Some("the version is absent"),
        Content::Nothing => Some("the version has no value"),
        Content::Unreadable(Unreadable::Undecryptable) => None,
        Content::Unreadable(_) => Some("the version has no credential's fields"),
        Content::Partial(partial) if !C::is_present(partial) => Some("the version has no password"),
        Content::Complete(pending) if is_repeated(pending, current) => {
            Some("the version holds the current password")
        }
        _ => None,
    }
}
