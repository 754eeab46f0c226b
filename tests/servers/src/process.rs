//! A child process that ends with this process.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::error::Error;

/// Debian's user and group without files.
const NOBODY: u32 = 65_534;

/// Waits until standard input closes, which happens when the process at the other end exits,
/// and then ends the server.
const KEEPER: &str =
    "read -r word; [ \"$word\" = over ] && exit; kill -KILL \"$1\"; rm -rf -- \"$2\"";

/// A running server.
pub struct Process {
    server: Child,
    keeper: Child,
}

impl Process {
    /// Starts a server. If this process ends abnormally, its folder is removed.
    pub fn start(command: &mut Command, folder: &Path) -> Result<Self, Error> {
        Self::start_as_this_user(as_nobody(command), folder)
    }

    /// Does the same as the user that runs the tests, whose programs another user may be unable to
    /// read.
    pub fn start_as_this_user(command: &mut Command, folder: &Path) -> Result<Self, Error> {
        let program = command.get_program().to_string_lossy().into_owned();
        let server = command
            .stdin(Stdio::null())
            .spawn()
            .map_err(Error::io(format!("start {program}")))?;
        let keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(server.id().to_string())
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // An interrupt at the terminal reaches only this process, and the child waits for
            // it.
            .process_group(0)
            .spawn()
            .map_err(Error::io("start a shell"))?;
        Ok(Self { server, keeper })
    }

    /// Returns whether it has exited by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.server.try_wait(), Ok(None))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.server.id().cast_signed()) {
            // It may have exited already.
            let _ = kill_process(pid, signal);
        }
    }

    /// Sends a signal, and waits for its exit.
    pub fn end(mut self, signal: Signal) {
        if let Some(mut stdin) = self.keeper.stdin.take() {
            let _ = std::io::Write::write_all(&mut stdin, b"over\n");
        }
        let _ = self.keeper.wait();
        if !self.has_ended() {
            self.signal(signal);
        }
        let _ = self.server.wait();
    }
}

/// Makes a command run as nobody if it would run as root, which servers refuse.
pub fn as_nobody(command: &mut Command) -> &mut Command {
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Gives a folder and its content to the user that servers run as.
pub fn hand_over(folder: &Path) -> Result<(), Error> {
    if geteuid().is_root() {
        chown(folder, Some(NOBODY), Some(NOBODY)).map_err(Error::file("change", folder))?;
    }
    if !folder.is_dir() {
        if folder
            .extension()
            .is_some_and(|extension| extension == "key")
        {
            let mode = fs::Permissions::from_mode(0o600);
            fs::set_permissions(folder, mode).map_err(Error::file("change", folder))?;
        }
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(Error::file("read", folder))? {
        hand_over(&entry.map_err(Error::file("read", folder))?.path())?;
    }
    Ok(())
}
