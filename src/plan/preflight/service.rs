//! What is specific to services.

use super::{Specific, fields};
use crate::model::{EntryOf, Finding, Service};
use crate::plan::ObservedService;

/// Checks the login of a secret, unless something is wrong with the secret itself.
pub(super) fn check(
    entry: EntryOf<'_, Service>,
    seen: &ObservedService,
    secret_is_fine: bool,
) -> Specific {
    let is_of_another = secret_is_fine && seen.login().is_some() && seen.own_login(entry).is_none();
    let other = is_of_another.then(|| {
        let path = format!("secret {}", entry.secret);
        let message = format!(
            "the value of `{}` names another user than `{}`, the user in the manifest",
            entry.secret, entry.kind.username
        );
        Finding::error("other-login", path, message).hint(
            "the user of a secret cannot change: choose another name for this entry with `secret:`",
        )
    });
    Specific {
        user: Vec::new(),
        credentials: other
            .into_iter()
            .chain(fields::check_service(entry, seen))
            .collect(),
        source: None,
        administrator: "a service has no administrator",
    }
}
