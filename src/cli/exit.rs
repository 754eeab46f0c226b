//! Exit codes. They are an interface: scripts rely on them.

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// The reference of exit codes is generated from the comments of the variants.
#[cfg_attr(test, derive(clap::ValueEnum))]
#[repr(u8)]
pub enum Exit {
    /// The command succeeded
    Done = 0,
    /// The command failed
    Failed = 1,
    /// The command line is invalid
    Usage = 2,
    /// The manifest, a schedule expression, the account, or the rendered stack was refused; every finding is listed
    Refused = 3,
    /// There are differences (`plan --detailed-exitcode`, `generate --check`, `bundle --verify`)
    Different = 4,
    /// Something needs attention (`status --check`, `doctor`, `adapter test`)
    Attention = 5,
    /// The confirmation prompt was declined, or there is no terminal and no `--yes`
    Declined = 6,
    /// `exec` found the command but could not run it, as shells report it
    CommandNotRun = 126,
    /// `exec` did not find the command, as shells report it
    CommandNotFound = 127,
    /// The command was interrupted; run it again to continue
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
