//! Decides how a rotation ends that was interrupted after its password was sent. Pure.

/// The server's answers to the passwords of AWSCURRENT and of a broken-off rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordCheck {
    /// The server accepts the password.
    Right,
    /// The server reports the password as wrong.
    Wrong,
}

/// What to do about a broken-off rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Make its version AWSCURRENT: its password is the one that works.
    Promote,
    /// Forget it: its password never reached the server.
    Forget,
    /// Nothing: both passwords work, and the next rotation continues from there.
    Leave,
    /// Report that neither password works.
    Stop,
}

/// Returns what to do about a broken-off rotation.
pub fn repair(current: PasswordCheck, broken_off: PasswordCheck) -> Repair {
    match (current, broken_off) {
        (PasswordCheck::Right, PasswordCheck::Right) => Repair::Leave,
        (PasswordCheck::Right, PasswordCheck::Wrong) => Repair::Forget,
        (PasswordCheck::Wrong, PasswordCheck::Right) => Repair::Promote,
        (PasswordCheck::Wrong, PasswordCheck::Wrong) => Repair::Stop,
    }
}
