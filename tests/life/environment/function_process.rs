//! The process at the other end of a connection on this machine.

use std::net::SocketAddr;
use std::path::Path;
use std::{fs, io};

use tokio::process::Command;

/// A function's process.
pub struct FunctionProcess(u32);

impl FunctionProcess {
    /// Returns the function's process that holds the other end of a connection:
    /// the one whose open files hold the socket that the kernel lists between
    /// these two addresses ("proc_net" and "proc_pid_fd" in the Linux manual).
    pub fn of(ours: SocketAddr, theirs: SocketAddr) -> Option<Self> {
        let sockets = text(Path::new("/proc/net/tcp")).ok()?;
        let ends = format!("{} {} ", listed(theirs)?, listed(ours)?);
        let (_, rest) = sockets.split_once(&ends)?;
        // Behind the two ends: state, queues, timer, retransmissions, user, time-out.
        let inode = rest.split_whitespace().nth(6)?;
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

/// Returns an address as the kernel lists it.
fn listed(address: SocketAddr) -> Option<String> {
    match address {
        SocketAddr::V4(address) => {
            let host = u32::from_ne_bytes(address.ip().octets());
            Some(format!("{host:08X}:{:04X}", address.port()))
        }
        SocketAddr::V6(_) => None,
    }
}

fn text(path: &Path) -> io::Result<String> {
    #[expect(clippy::disallowed_methods, reason = "what the kernel tells")]
    fs::read_to_string(path)
}
