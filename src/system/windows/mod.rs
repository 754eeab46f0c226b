//! Windows. Nobody has run keyrota there (docs/reference/stability.md).

mod dump;
mod file;
mod process;
mod signal;

pub use dump::{CoreLimit, disable_core_dumps};
pub use file::{
    has_other_name, is_executable, keep_owner, lockable, ordinary_permissions, private_folder,
};
pub use process::{ask_to_end, end_like, new_process_group, program, replace_process, shell};
pub use signal::{ForwardedSignals, Hangup, Signal, interrupted, interrupted_or_hung_up};
