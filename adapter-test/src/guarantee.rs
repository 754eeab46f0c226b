//! What must hold for an adapter, so that a rotation with it loses no password.

use serde::Serialize;

/// A guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// A login distinguishes a right password from a wrong one.
    LoginTellsPasswordsApart,
    /// After a change that was answered with `success`, the new password works.
    ChangeTakesEffect,
    /// After a change, the old password works exactly if the answer said so.
    PreviousIsAsAnswered,
    /// A change with a wrong password changes nothing.
    ChangeNeedsThePassword,
    /// A repeated change leaves the password as it is.
    RepeatIsHarmless,
    /// An outage is neither a success nor a wrong password.
    OutageIsNoAnswer,
    /// An answer that says that nothing was changed is true.
    UnchangedIsTrue,
    /// An answer that is not the service's is neither a success nor a wrong password.
    GarbageIsUnclear,
    /// A redirect is not followed.
    RedirectIsNotFollowed,
    /// The password that the service has is always in a version with a label.
    PasswordIsKept,
    /// A rotation ends with a current password that works, whatever single fault happens.
    RotationRecovers,
    /// What the adapter writes contains no password.
    OutputHasNoSecret,
}

impl Guarantee {
    /// All guarantees, in the order in which they are shown.
    pub const ALL: [Self; 12] = [
        Self::LoginTellsPasswordsApart,
        Self::ChangeTakesEffect,
        Self::PreviousIsAsAnswered,
        Self::ChangeNeedsThePassword,
        Self::RepeatIsHarmless,
        Self::OutageIsNoAnswer,
        Self::UnchangedIsTrue,
        Self::GarbageIsUnclear,
        Self::RedirectIsNotFollowed,
        Self::PasswordIsKept,
        Self::RotationRecovers,
        Self::OutputHasNoSecret,
    ];

    /// Returns the name for scripts.
    pub const fn id(self) -> &'static str {
        match self {
            Self::LoginTellsPasswordsApart => "login-tells-passwords-apart",
            Self::ChangeTakesEffect => "change-takes-effect",
            Self::PreviousIsAsAnswered => "previous-is-as-answered",
            Self::ChangeNeedsThePassword => "change-needs-the-password",
            Self::RepeatIsHarmless => "repeat-is-harmless",
            Self::OutageIsNoAnswer => "outage-is-no-answer",
            Self::UnchangedIsTrue => "unchanged-is-true",
            Self::GarbageIsUnclear => "garbage-is-unclear",
            Self::RedirectIsNotFollowed => "redirect-is-not-followed",
            Self::PasswordIsKept => "password-is-kept",
            Self::RotationRecovers => "rotation-recovers",
            Self::OutputHasNoSecret => "output-has-no-secret",
        }
    }

    /// Returns what holds, as a sentence without a full stop.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::LoginTellsPasswordsApart => "A login tells a right password from a wrong one",
            Self::ChangeTakesEffect => "After a successful change, the new password works",
            Self::PreviousIsAsAnswered => {
                "After a change, the old password works only if the answer says so"
            }
            Self::ChangeNeedsThePassword => "A change with a wrong password changes nothing",
            Self::RepeatIsHarmless => "A repeated change leaves the password as it is",
            Self::OutageIsNoAnswer => "An outage is neither a success nor a wrong password",
            Self::UnchangedIsTrue => "An answer that says that nothing was changed is true",
            Self::GarbageIsUnclear => {
                "An answer that is not the service's is neither a success nor a wrong password"
            }
            Self::RedirectIsNotFollowed => "A redirect is not followed",
            Self::PasswordIsKept => {
                "The password that the service has is always in a version with a label"
            }
            Self::RotationRecovers => {
                "After any single fault, a rotation ends with a current password that works"
            }
            Self::OutputHasNoSecret => "What the adapter writes contains no password",
        }
    }
}
