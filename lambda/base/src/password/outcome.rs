//! What a password change that failed, or that nobody confirmed, came to. Pure, apart from the logins
//! that the caller makes.
//!
//! A server may change a password and then answer with an error, and a proxy in between may answer in
//! its place. Therefore a function logs in before it reports anything: with the new password, which
//! is one failed login at most, and then with the password that the change was made with.

/// What logins showed after a change that failed. `F` is why a login can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<F> {
    /// The server accepts the new password.
    New,
    /// It calls the new password wrong, and accepts the password that the change was made with.
    Old,
    /// It calls the new password wrong. An administrator made the change, so no other password
    /// was tried.
    NotNew,
    /// It calls both passwords wrong.
    Neither,
    /// A login failed for another reason.
    Unknown(F),
}

/// Finds out by logging in which password the server has. Each login returns whether the server
/// accepts its password, or calls it wrong. After a login that failed for another reason, no other
/// password is sent. `old` is absent if an administrator made the change.
pub async fn find<F>(
    new: impl AsyncFnOnce() -> Result<bool, F>,
    old: Option<impl AsyncFnOnce() -> Result<bool, F>>,
) -> Found<F> {
    match new().await {
        Ok(true) => return Found::New,
        Ok(false) => {}
        Err(fault) => return Found::Unknown(fault),
    }
    let Some(old) = old else {
        return Found::NotNew;
    };
    match old().await {
        Ok(true) => Found::Old,
        Ok(false) => Found::Neither,
        Err(fault) => Found::Unknown(fault),
    }
}

/// How a failed change ends, after logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeEnd {
    /// The password is set.
    Set,
    /// Cancel the rotation: the server will never accept this password.
    GiveUp,
    /// Fail: the server does not have the new password.
    NotChanged,
    /// Fail: the server has neither password.
    NoPasswordWorks,
    /// Fail: it is not known which password the server has.
    Unknown,
}

/// Returns how a failed change ends. `is_rejected` says that the server's rules refuse the new
/// password. A login is of one account, so where a change may be `partial`, it does not show that all
/// of them have the password.
pub fn change_end<F>(is_rejected: bool, found: &Found<F>, partial: bool) -> ChangeEnd {
    match found {
        Found::New if partial => ChangeEnd::Unknown,
        Found::New => ChangeEnd::Set,
        Found::Neither => ChangeEnd::NoPasswordWorks,
        Found::Unknown(_) => ChangeEnd::Unknown,
        // The rules are the same for all accounts.
        Found::Old | Found::NotNew if is_rejected => ChangeEnd::GiveUp,
        Found::Old | Found::NotNew if partial => ChangeEnd::Unknown,
        Found::Old | Found::NotNew => ChangeEnd::NotChanged,
    }
}

/// Returns what the logins showed, and nothing more.
pub fn tested<F>(found: &Found<F>) -> &'static str {
    match found {
        Found::New => "a login right after that succeeded with the new password",
        Found::Old => {
            "logins right after that failed with the new password and succeeded with the old one"
        }
        Found::NotNew => "a login right after that failed with the new password",
        Found::Neither => {
            "logins right after that failed with the new password and with the old one"
        }
        Found::Unknown(_) => {
            "it could not be tested which password the server has, because the login right after \
             that failed for another reason than a wrong password"
        }
    }
}
