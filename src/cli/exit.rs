//! Exit codes. They are an interface: scripts rely on them.

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// The command line was not understood; clap ends with the same code.
    Usage = 2,
    /// The manifest, an expression or the rendered stack was refused.
    Refused = 3,
    /// There are differences.
    Different = 4,
    /// Something needs attention.
    Attention = 5,
    /// Declined at the prompt, or no terminal and no `--yes`.
    Declined = 6,
    /// `exec` could not run the command, as shells say it.
    CommandNotRun = 126,
    /// `exec` found no such command, as shells say it.
    CommandNotFound = 127,
    /// Interrupted, with the state left resumable.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
