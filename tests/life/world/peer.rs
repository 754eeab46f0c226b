//! The process at the other end of a connection on this machine.

use std::net::SocketAddr;
use std::path::Path;
use std::{fs, io};

use tokio::process::Command;

/// A function's process.
pub struct Peer(u32);

impl Peer {
    /// Returns the function's process that holds the other end of a connection:
    /// the one whose open files hold the socket that the kernel lists between
    /// these two addresses ("proc_net" and "proc_pid_fd" in the Linux manual).
    pub fn of(ours: SocketAddr, theirs: SocketAddr) -> Option<Self> {
        let (ours, theirs) = (port(ours), port(theirs));
        let sockets = text(Path::new("/proc/net/tcp")).ok()?;
        let inode = sockets.lines().skip(1).find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let ends = fields.get(1)?.ends_with(&theirs) && fields.get(2)?.ends_with(&ours);
            ends.then(|| fields.get(9).copied()).flatten()
        })?;
        let socket = format!("socket:[{inode}]");
        let processes = fs::read_dir("/proc").ok()?;
        processes.filter_map(Result::ok).find_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let program = fs::read_link(entry.path().join("exe")).ok()?;
            let is_function = program.file_name()? == "bootstrap";
            let files = is_function.then(|| fs::read_dir(entry.path().join("fd")).ok())??;
            files
                .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
                .any(|file| file.as_os_str() == socket.as_str())
                .then_some(Self(id))
        })
    }

    /// Returns a variable of its environment.
    pub fn variable(&self, name: &str) -> Option<String> {
        let environment =
            text(&Path::new("/proc").join(self.0.to_string()).join("environ")).ok()?;
        let mut pairs = environment
            .split('\0')
            .filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(held, value)| (held == name).then(|| value.to_owned()))
    }

    /// Ends it at once.
    pub async fn kill(&self) {
        let id = self.0.to_string();
        let status = Command::new("kill").args(["-KILL", &id]).status().await;
        assert!(status.expect("kill can be started").success());
    }
}

/// Returns how the kernel's list ends an address.
fn port(address: SocketAddr) -> String {
    format!(":{:04X}", address.port())
}

fn text(path: &Path) -> io::Result<String> {
    #[expect(clippy::disallowed_methods, reason = "what the kernel tells")]
    fs::read_to_string(path)
}
