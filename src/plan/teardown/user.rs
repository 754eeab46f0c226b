//! The database users that a stack's function created.

use super::{Item, Step, Subject, TeardownOptions, holds};
use crate::model::{Database, EntryOf};
use crate::plan::Evidence;
use crate::port::StackResource;
use crate::render::Strategy;

/// The type of a database user in the result of a teardown.
pub const DATABASE_USER: &str = "database user";

/// What happens to the user of an entry whose manifest says that the function creates it.
pub(super) enum PlannedUser {
    /// The function drops it, before the stack is deleted.
    Dropped(Box<Step>),
    /// Whether it still exists is unknown.
    Unknown(Item),
    /// It stays, although it should not.
    Left(Item),
}

/// Plans the user of an entry. Returns `None` for a user that stays with its password. Only the
/// function reaches the server, so nothing is known of a user after the stack is deleted.
pub(super) fn plan(
    entry: EntryOf<'_, Database>,
    subject: &Subject<'_>,
    resources: &[StackResource],
    evidence: &Evidence<'_>,
    options: TeardownOptions,
) -> Option<PlannedUser> {
    entry.kind.create_user.as_ref()?;
    let held = subject.seen.held().filter(|_| subject.ours)?;
    if options.keep_users {
        return None;
    }
    let user = format!("{} at {}", entry.kind.username, entry.kind.endpoint());
    let item = |note: &str| Item::new(DATABASE_USER, &user, Some(note.to_owned()));
    if !evidence.is_deployed() {
        let note = "the function that drops it was deleted with the stack; if an earlier teardown did not drop it, drop it on the server";
        return (!held.is_unused).then(|| PlannedUser::Unknown(item(note)));
    }
    // A user that nobody has created yet is no user of the stack.
    if held.is_unused {
        return None;
    }
    let is_function = |resource: &&StackResource| {
        resource.logical_id == Strategy::Databases.function()
            && holds(
                std::slice::from_ref(resource),
                "AWS::Lambda::Function",
                |_| true,
            )
    };
    let Some(function) = resources.iter().find(is_function) else {
        let note = "the stack no longer has the function that drops it; drop it on the server";
        return Some(PlannedUser::Left(item(note)));
    };
    if held.secret.deleted.is_some() {
        let note = "its secret is scheduled for deletion, so the function cannot read who may drop it; restore the secret, then run `keyrota teardown` again, or drop it on the server";
        return Some(PlannedUser::Left(item(note)));
    }
    Some(PlannedUser::Dropped(Box::new(Step::DropUser {
        secret: held.secret.name.clone(),
        arn: held.secret.arn.clone(),
        user,
        function: function.physical_id.clone(),
    })))
}
