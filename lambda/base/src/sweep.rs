//! The frame of a sweep: a look at every secret of the stack, a few at a time.
//! What is looked for is each function's own.

use std::cell::{Cell, RefCell};

use crate::arn::SecretArn;

/// The most names of secrets in an error.
const NAMED: usize = 10;

/// The secrets that a sweep failed on.
#[derive(Debug, Default)]
pub struct Failed(Vec<String>);

impl Failed {
    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns their names, as far as an error has room for them.
    pub fn names(&self) -> String {
        let mut names = self.0[..self.count().min(NAMED)].join(", ");
        if self.count() > NAMED {
            names.push_str(", …");
        }
        names
    }
}

/// Has every secret looked at, in their order, four at a time, whatever becomes of
/// the others. `look` returns whether it ended well.
pub async fn each<'secrets>(
    secrets: &'secrets [SecretArn],
    look: impl AsyncFn(&'secrets SecretArn) -> bool,
) -> Failed {
    let begun = Cell::new(0);
    let failed = RefCell::new(Failed::default());
    // Takes one secret after the other that nobody has begun with.
    let work = async || {
        while let Some(secret) = secrets.get(begun.get()) {
            begun.set(begun.get() + 1);
            if !look(secret).await {
                failed.borrow_mut().0.push(secret.name().to_owned());
            }
        }
    };
    tokio::join!(work(), work(), work(), work());
    failed.into_inner()
}
