//! A function's process, as Lambda starts one.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};

use crate::error::Error;
use crate::limit::{Group, Limit};
use crate::subject_function::SubjectFunction;

/// Waits to be told, then becomes the function. The clock starts at that word,
/// so that a limit is in force before, and neither side pays for a fork.
const STARTER: &str = "read -r _ && exec \"$@\" </dev/null";

/// How much of a log an error shows, in lines.
const TAIL: usize = 20;

/// How long a limited process waits before it is started: enough for a period of
/// its group in which it has used nothing.
const SETTLING: Duration = Duration::from_millis(60);

/// A process. It is killed when the value is dropped.
pub struct Process {
    child: Child,
    word: ChildStdin,
    id: u32,
    log: PathBuf,
    group: Option<Group>,
    /// What the starter used.
    used_before: Duration,
}

impl Process {
    /// Has a process wait for its start.
    ///
    /// # Errors
    ///
    /// Returns that it cannot be started or limited.
    pub async fn prepare(
        subject_function: &SubjectFunction,
        environment: &[(&'static str, String)],
        limit: Option<&Limit>,
    ) -> Result<Self, Error> {
        let log = subject_function.task_root.join("log");
        let output = std::fs::File::create(&log).map_err(Error::io("write", &log))?;
        let errors = output.try_clone().map_err(Error::io("write", &log))?;
        let cannot = || Error::io("start", &subject_function.program);
        let mut child = Command::new("/bin/sh")
            .args(["-c", STARTER, "sh"])
            .arg(&subject_function.program)
            .args(&subject_function.arguments)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&subject_function.task_root)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .map_err(cannot())?;
        let (Some(word), Some(id)) = (child.stdin.take(), child.id()) else {
            return Err(cannot()(std::io::ErrorKind::BrokenPipe.into()));
        };
        let group = match limit {
            Some(limit) => {
                let group = limit.group().map_err(Error::Usage)?;
                group.add(id)?;
                Some(group)
            }
            None => None,
        };
        tokio::time::sleep(SETTLING).await;
        Ok(Self {
            child,
            word,
            id,
            log,
            group,
            used_before: processor_time(id).unwrap_or_default(),
        })
    }

    /// Starts it, and returns when.
    ///
    /// # Errors
    ///
    /// Returns that it is gone.
    pub async fn start(&mut self) -> Result<Instant, Error> {
        let at = Instant::now();
        let told = self.word.write_all(b"\n").await;
        told.map_err(Error::doing("start a function"))?;
        Ok(at)
    }

    /// Returns how much of a processor it has used since its start.
    pub fn processor_time(&self) -> Option<Duration> {
        processor_time(self.id)?.checked_sub(self.used_before)
    }

    /// Returns the most memory that it ever had, in bytes.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = read(Path::new(&format!("/proc/{}/status", self.id)))?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = peak.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// Waits until it ends by itself, and says how.
    pub async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => format!("its process ended ({status})"),
            Err(error) => format!("its process is lost ({error})"),
        }
    }

    /// Ends it, and says whether its limit ever held it back, where it has one.
    pub async fn end(mut self) -> Option<bool> {
        let held_back = self.group.as_ref().map(Group::held_back);
        // It is gone either way.
        let _ = self.child.kill().await;
        held_back
    }

    /// Returns the end of what it wrote.
    pub fn log(&self) -> String {
        let log = read(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }
}

/// Returns how long the threads of a process have run: all that are there, since
/// neither side ends any while it is measured.
fn processor_time(process: u32) -> Option<Duration> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let mut nanoseconds = 0;
    for thread in threads {
        let statistics = read(&thread.ok()?.path().join("schedstat"))?;
        let running: u64 = statistics.split(' ').next()?.parse().ok()?;
        nanoseconds += running;
    }
    Some(Duration::from_nanos(nanoseconds))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the kernel and the process are read through files"
)]
fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}
