//! Drops a database user, through the function.

use keyrota_contract::event;
use keyrota_contract::removal::Removal;

use super::super::Context;
use super::super::error::Result;
use super::Outcome;
use crate::plan::{DATABASE_USER, Item};
use crate::port::{Invoked, Optional};

/// Makes the function drop the user of a secret. A user that the function could not drop is left
/// over: the server may be gone, which must not prevent the rest of the teardown. A function that may
/// not be invoked does prevent it, because nothing else can drop the user once the stack is deleted.
pub(super) async fn drop_user(
    context: &Context<'_>,
    function: &str,
    arn: &str,
    user: String,
) -> Result<Outcome> {
    let left = |reason: &str| {
        let note = format!("{reason}; drop it on the server if it is not needed");
        Ok(Outcome::Left(Item::new(DATABASE_USER, &user, Some(note))))
    };
    let invoked = context.cloud.invoke(function, &event::drop_user(arn)).await;
    let answer = match invoked.optional()? {
        Some(Invoked::Answered(answer)) => answer,
        Some(Invoked::Failed(reason)) => return left(&reason),
        None => return left("the function that drops it does not exist"),
    };
    match serde_json::from_str(&answer) {
        Ok(Removal::Dropped) => Ok(Outcome::Deleted(Item::new(DATABASE_USER, user, None))),
        Ok(Removal::Absent) => Ok(Outcome::Done),
        Ok(Removal::Kept { reason }) => left(&reason),
        Err(_) => left("the function returned an unexpected response"),
    }
}
