//! What Secrets Manager and an operator do while a function runs.
//!
//! Each act waits for its turn, like a call of the function (see [`twice`](crate::twice)). The
//! operator does what the program does: see `src/run/restore.rs` and `src/run/rotate`.

use std::fmt::Debug;

use keyrota_function_base::stage::{CURRENT, PENDING, PREVIOUS, VersionId};

use crate::secrets::FakeSecrets;

/// The version of a rotation that begins meanwhile.
pub const NEXT: &str = "token-next-00000000000000000000000";

/// A fake in which others act.
#[expect(async_fn_in_trait, reason = "the tests run on one thread")]
pub trait Others: FakeSecrets {
    /// Makes someone act when it is the turn.
    async fn act<T: Debug>(&self, who: &'static str, act: impl FnOnce() -> T) -> T;
}

/// Secrets Manager begins a rotation, unless one is in progress. Returns whether it did.
pub async fn begin(fake: &impl Others, token: &str) -> bool {
    let begin = || {
        let pending = fake.carrier(PENDING);
        let is_free = pending.is_none() || pending == fake.carrier(CURRENT);
        if is_free {
            fake.begin(token);
        }
        is_free
    };
    fake.act("Secrets Manager begins a rotation", begin).await
}

/// Secrets Manager ends a rotation whose steps have succeeded.
pub async fn end(fake: &impl Others, token: &str) {
    let end = || {
        let is_on = |label| fake.carrier(label) == Some(VersionId::new(token));
        if is_on(CURRENT) && is_on(PENDING) {
            fake.end();
        }
    };
    fake.act("Secrets Manager ends the rotation", end).await;
}

/// An operator cancels the rotation.
pub async fn cancel(fake: &impl Others) {
    let cancel = || fake.cancel();
    fake.act("an operator cancels the rotation", cancel).await;
}

/// An operator makes AWSPREVIOUS current again, if its credential works, and undoes that if the
/// credential does not work any more.
pub async fn restore(fake: &impl Others, works: impl Fn(&VersionId) -> bool) -> &'static str {
    const REFUSED: &str = "refused";
    let labels = || [CURRENT, PREVIOUS, PENDING].map(|label| Seen(fake.carrier(label)));
    let seen = fake.act("an operator reads the labels", labels).await;
    let [Seen(Some(current)), Seen(Some(previous)), Seen(pending)] = seen else {
        return REFUSED;
    };
    let trailing = pending.as_ref() == Some(&current);
    if pending.is_some() && !trailing {
        return REFUSED;
    }
    const PROVES: &str = "an operator proves the previous credential";
    if !fake.act(PROVES, || works(&previous)).await {
        return REFUSED;
    }
    // Secrets Manager refuses to move a label that is not where the request says.
    let relabel = |label, from: &VersionId, to| {
        let moves = fake.carrier(label).as_ref() == Some(from);
        if moves {
            fake.relabel_by_hand(label, to);
        }
        moves
    };
    if trailing {
        let remove = || relabel(PENDING, &current, None);
        if !fake.act("an operator removes AWSPENDING", remove).await {
            return REFUSED;
        }
    }
    let back = || relabel(CURRENT, &current, Some(&previous));
    if !fake.act("an operator moves AWSCURRENT back", back).await {
        return REFUSED;
    }
    if fake.act(PROVES, || works(&previous)).await {
        return "done";
    }
    let forth = || relabel(CURRENT, &previous, Some(&current));
    fake.act("an operator moves AWSCURRENT forth", forth).await;
    "put back"
}

/// The version that carries a label. It shows its ID, which a run learns.
struct Seen(Option<VersionId>);

impl Debug for Seen {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = self.0.as_ref().map(VersionId::as_str);
        write!(formatter, "{id:?}")
    }
}
