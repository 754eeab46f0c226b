//! Child processes. Windows cannot replace a process by another program, and has no signal that asks a
//! program to end.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use tokio::process::{Child, Command};
use tokio::signal::windows::{ctrl_break, ctrl_c};

use super::super::program_names;
use super::{CoreLimit, is_executable};

/// `CREATE_NEW_PROCESS_GROUP` in "Process Creation Flags" of Microsoft's documentation.
const NEW_PROCESS_GROUP: u32 = 0x200;

/// Returns a command that runs a line of the user's with the system's shell, `cmd /c`.
pub fn shell(line: &str) -> Command {
    let mut command = Command::new("cmd.exe");
    // With /s, cmd removes the outer quotation marks and keeps the line as it is. /d leaves out
    // the programs that the registry starts with each shell.
    command
        .args(["/d", "/s", "/c"])
        .raw_arg(format!("\"{line}\""));
    command
}

/// Returns the program that a word of the user's means: a file on the `PATH` with one of the endings of
/// programs. The system itself finds only those that end with `.exe`, and not `npm.cmd`.
pub fn program(word: &OsStr) -> OsString {
    let name = word
        .to_str()
        .filter(|name| !name.contains(['/', '\\', ':']));
    let (Some(name), Some(path)) = (name, std::env::var_os("PATH")) else {
        return word.to_owned();
    };
    let names = program_names(name);
    let mut files = std::env::split_paths(&path)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    let found = files.find(|file| is_executable(file));
    found.map_or_else(|| word.to_owned(), PathBuf::into_os_string)
}

/// Starts a command in a process group of its own, so that Ctrl-C at the console does not reach it.
pub fn new_process_group(command: &mut Command) {
    command.creation_flags(NEW_PROCESS_GROUP);
}

/// Runs a command in place of this process: waits for its end, and ends with its exit code. The
/// console sends Ctrl-C and Ctrl-Break to the command too, so this process ignores them. Returns only
/// if the command cannot be run.
pub fn replace_process(command: &mut std::process::Command, _: &CoreLimit) -> io::Error {
    let mut run = || {
        // While these exist, this process does not end by itself.
        let _receivers = (ctrl_c()?, ctrl_break()?);
        command.spawn()?.wait()
    };
    match run() {
        Ok(status) => end_like(status),
        Err(error) => error,
    }
}

/// Ends a child at once, because Windows cannot ask a program without a window to end.
pub fn ask_to_end(child: &mut Child) {
    let _ = child.start_kill();
}

/// Ends this process with the exit code of a child.
pub fn end_like(status: ExitStatus) -> ! {
    std::process::exit(status.code().unwrap_or(1))
}
