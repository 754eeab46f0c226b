//! Child processes, and the program that replaces this process.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::ExitStatus;

use rustix::process::Signal as Number;
use tokio::process::{Child, Command};

use super::CoreLimit;
use super::signal::send;

/// Returns a command that runs a line of the user's with the system's shell, `sh -c`.
pub fn shell(line: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line]);
    command
}

/// Returns the program that a word of the user's means. The system searches the `PATH` for it.
pub fn program(word: &OsStr) -> OsString {
    word.to_owned()
}

/// Starts a command in a process group of its own, so that an interrupt at the terminal does not reach
/// it.
pub fn new_process_group(command: &mut Command) {
    command.process_group(0);
}

/// Replaces this process by a command, with the caller's limit on core dumps. Returns only if that
/// fails.
pub fn replace_process(command: &mut std::process::Command, limit: &CoreLimit) -> io::Error {
    limit.restore();
    command.exec()
}

/// Asks a child to end by itself, with SIGTERM.
pub fn ask_to_end(child: &mut Child) {
    send(child, Number::TERM);
}

/// Ends this process as a child has ended. If a signal killed the child, the same signal kills this
/// process, for which it is replaced by a shell: the handlers of this process cannot be removed
/// otherwise.
pub fn end_like(status: ExitStatus) -> ! {
    let code = match status.signal() {
        None => status.code().unwrap_or(1),
        Some(number) => {
            let kill = format!("kill -{number} $$");
            let _ = std::process::Command::new("/bin/sh")
                .args(["-c", &kill])
                .exec();
            // As shells report it.
            128 + number
        }
    };
    std::process::exit(code)
}
