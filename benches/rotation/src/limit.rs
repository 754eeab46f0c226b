//! A share of a core, limited by a control group of the kernel.
//!
//! Sources: "CFS Bandwidth Control" and "Control Group v2" in the Linux kernel's documentation.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::error::Error;

/// The share for 128 MB: Lambda allocates a whole core at 1,769 MB.
///
/// Source: "Configure Lambda function memory" in the Lambda Developer Guide.
pub const SHARE: f64 = 128.0 / 1_769.0;

/// The length of a period in microseconds. It is short, so that a duration depends on the work,
/// not on when in a period it began.
const PERIOD: u32 = 20_000;

/// How much of a period a group may use, in microseconds: [`SHARE`] of it.
const QUOTA: u32 = 1_447;

/// The version of the control group interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// A place in which groups can be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    version: Version,
    folder: PathBuf,
}

impl Limit {
    /// Finds a place for groups, and tests it.
    ///
    /// # Errors
    ///
    /// Returns each place that was tried, and why it is unsuitable.
    pub fn find() -> Result<Self, String> {
        let read = |path: &str| read(Path::new(path)).unwrap_or_default();
        let places = places(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
        let mut refused = Vec::new();
        for place in places {
            match place.group() {
                Ok(_) => return Ok(place),
                Err(error) => refused.push(error),
            }
        }
        if refused.is_empty() {
            refused.push("no hierarchy with a cpu controller is mounted".to_owned());
        }
        Err(refused.join("; "))
    }

    /// Creates a group.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses.
    pub fn group(&self) -> Result<Group, String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let said = |doing: &str, path: &Path| {
            let doing = format!("{doing} {}", path.display());
            move |error: io::Error| format!("{doing}: {error}")
        };
        if self.version == Version::Two {
            let path = self.folder.join("cgroup.subtree_control");
            let controllers = read(&path).map_err(said("read", &path))?;
            if !controllers.split_whitespace().any(|name| name == "cpu") {
                return Err(format!("{} does not name cpu", path.display()));
            }
        }
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("keyrota-bench-{}-{number}", std::process::id());
        let folder = self.folder.join(name);
        std::fs::create_dir(&folder).map_err(said("make", &folder))?;
        let group = Group { folder };
        let settings = match self.version {
            Version::One => vec![
                ("cpu.cfs_period_us", PERIOD.to_string()),
                ("cpu.cfs_quota_us", QUOTA.to_string()),
            ],
            Version::Two => vec![("cpu.max", format!("{QUOTA} {PERIOD}"))],
        };
        for (file, setting) in settings {
            let path = group.folder.join(file);
            write(&path, &setting).map_err(said("write", &path))?;
        }
        Ok(group)
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let version = match self.version {
            Version::One => "v1",
            Version::Two => "v2",
        };
        write!(
            formatter,
            "cgroup {version}, {QUOTA} of each {PERIOD} microseconds"
        )
    }
}

/// A group, which exists as long as the value and its processes.
#[derive(Debug)]
pub struct Group {
    folder: PathBuf,
}

impl Group {
    /// Moves a process into the group.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses.
    pub fn add(&self, process: u32) -> Result<(), Error> {
        let path = self.folder.join("cgroup.procs");
        write(&path, &process.to_string()).map_err(Error::io("write", &path))
    }

    /// Returns whether a process of the group ever had to wait for the next period.
    pub fn held_back(&self) -> bool {
        let statistics = read(&self.folder.join("cpu.stat")).unwrap_or_default();
        statistics
            .lines()
            .filter_map(|line| line.strip_prefix("nr_throttled "))
            .any(|count| count.trim() != "0")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A process that was just killed takes a moment to end.
        for _ in 0..50 {
            if std::fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Returns the places in which groups could be created, the most likely first.
///
/// `mounts` and `own` are the contents of `/proc/self/mountinfo` and `/proc/self/cgroup`.
fn places(mounts: &str, own: &str) -> Vec<Limit> {
    let mut places = Vec::new();
    for mount in mounts.lines().filter_map(Mount::parse) {
        let is = |names: &str| names.split(',').any(|name| name == "cpu");
        let version = match mount.kind {
            "cgroup" if is(mount.options) => Version::One,
            "cgroup2" => Version::Two,
            _ => continue,
        };
        let path = own.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?);
            let ours = match version {
                Version::One => is(controllers),
                Version::Two => controllers.is_empty(),
            };
            ours.then_some(path)
        });
        let below = path
            .and_then(|path| Path::new(path).strip_prefix(mount.root).ok())
            .unwrap_or(Path::new(""));
        // Without the trailing slash that an empty path would add.
        let folder: PathBuf = Path::new(mount.point).join(below).components().collect();
        // In version 2, a group with processes cannot have limited groups below it, so its
        // ancestors are candidates too.
        let steps = match version {
            Version::One => 1,
            Version::Two => below.components().count() + 1,
        };
        places.extend(folder.ancestors().take(steps).map(|folder| Limit {
            version,
            folder: folder.to_owned(),
        }));
    }
    places
}

/// A line of `/proc/self/mountinfo`.
struct Mount<'line> {
    root: &'line str,
    point: &'line str,
    kind: &'line str,
    options: &'line str,
}

impl<'line> Mount<'line> {
    fn parse(line: &'line str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let mut after = after.split(' ');
        Some(Self {
            root: before.next()?,
            point: before.next()?,
            kind: after.next()?,
            options: after.nth(1)?,
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "control groups are spoken to through files"
)]
fn read(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}

#[expect(
    clippy::disallowed_methods,
    reason = "control groups are spoken to through files"
)]
fn write(path: &Path, text: &str) -> io::Result<()> {
    std::fs::write(path, text)
}

#[cfg(test)]
mod tests;
