//! What differs between operating systems: signals, child processes, private files, the user's
//! folders, and core dumps.
//!
//! Each item exists once for Unix (Linux and macOS) and once for Windows, with the same
//! signature, so no other room asks which system it runs on. Where Windows has nothing of the
//! kind, the item says what happens instead, and the help of the command says it too.

mod folders;
mod names;

#[cfg(unix)]
#[path = "unix/mod.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows/mod.rs"]
mod platform;

/// Whether this system runs the rotation functions, which are Linux programs.
pub const RUNS_LINUX_PROGRAMS: bool = cfg!(target_os = "linux");

pub use folders::{cache_folder, home_folder};
pub use names::{program_names, shown, variable_name};
pub use platform::{
    CoreLimit, ForwardedSignals, Hangup, Signal, ask_to_end, disable_core_dumps, end_like,
    has_other_name, interrupted, interrupted_or_hung_up, is_executable, keep_owner, lockable,
    new_process_group, ordinary_permissions, private_folder, program, replace_process, shell,
};
