//! The process group of an adapter, with which its child processes end.

pub use platform::{Group, lead};

#[cfg(unix)]
mod platform {
    use rustix::process::{Pid, Signal, kill_process_group};
    use tokio::process::Command;

    /// A process with its child processes.
    #[derive(Clone, Copy)]
    pub struct Group(Pid);

    /// Lets a command lead a group, in which its child processes are too.
    pub fn lead(command: &mut Command) {
        command.process_group(0);
    }

    impl Group {
        /// Returns the group of the process with this ID.
        pub fn led_by(id: u32) -> Option<Self> {
            Pid::from_raw(id.cast_signed()).map(Self)
        }

        /// Kills its processes. They may have ended already.
        pub fn kill(self) {
            let _ = kill_process_group(self.0, Signal::KILL);
        }
    }
}

/// Windows has no such groups. The program itself is killed when its `Child` is dropped, and a child
/// process of it that does not end by itself stays.
#[cfg(windows)]
mod platform {
    use tokio::process::Command;

    /// A process without its child processes.
    #[derive(Clone, Copy)]
    pub struct Group;

    /// Does nothing on Windows.
    pub fn lead(_: &mut Command) {}

    impl Group {
        /// Returns a group.
        pub fn led_by(_: u32) -> Option<Self> {
            Some(Self)
        }

        /// Does nothing on Windows.
        pub fn kill(self) {}
    }
}
