//! Runs other programs: finds them, reports what they print, and keeps the last lines for the
//! error.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

use crate::port::{Event, Listener};
use crate::system;

/// The number of last lines in an error.
const TAIL: usize = 20;

/// What happens to the lines on a program's standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// They are collected as the result.
    Collected,
    /// They are reported as events and kept for an error, like the lines on standard error.
    Emitted,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output, if it was collected.
    pub output: Vec<String>,
    /// The last lines of its other output.
    pub tail: Vec<String>,
}

/// Runs a program to its end, without input. If the future is dropped, the program is killed.
///
/// # Errors
///
/// Fails if the program cannot be started or its output cannot be read. If the program itself
/// fails, only its status says so.
pub async fn run(
    command: &mut Command,
    output: Output,
    listener: &dyn Listener,
) -> io::Result<Finished> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let told = RefCell::new(VecDeque::new());
    let mut collected = Vec::new();
    let tell = |line: String| {
        let mut told = told.borrow_mut();
        if told.len() == TAIL {
            told.pop_front();
        }
        told.push_back(line.clone());
        drop(told);
        listener.on(Event::Output(line));
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (status, (), ()) = tokio::try_join!(
        child.wait(),
        each_line(stdout, |line| match output {
            Output::Collected => collected.push(line),
            Output::Emitted => tell(line),
        }),
        each_line(stderr, tell),
    )?;
    Ok(Finished {
        status,
        output: collected,
        tail: told.into_inner().into(),
    })
}

/// Calls back for each line, without its line ending. Bytes that are not UTF-8 become
/// replacement characters, because paths can have any encoding.
async fn each_line(
    stream: Option<impl AsyncRead + Unpin>,
    mut on_line: impl FnMut(String),
) -> io::Result<()> {
    let Some(stream) = stream else {
        return Ok(());
    };
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).await? > 0 {
        let line = String::from_utf8_lossy(&bytes);
        on_line(line.trim_end_matches(['\n', '\r']).to_owned());
        bytes.clear();
    }
    Ok(())
}

/// Returns the path of a program, searched for in the folders of a `PATH`.
pub fn find(program: &str, search_path: &OsStr) -> Option<PathBuf> {
    let names = system::program_names(program);
    std::env::split_paths(search_path)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|path| system::is_executable(path))
}

#[cfg(test)]
pub mod testing {
    //! Programs and listeners for tests.

    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;

    /// Records events.
    #[derive(Default)]
    pub struct Recorder(RefCell<Vec<Event>>);

    impl Recorder {
        /// Returns the recorded events, in order.
        pub fn events(&self) -> Vec<Event> {
            self.0.borrow().clone()
        }
    }

    impl Listener for Recorder {
        fn on(&self, event: Event) {
            self.0.borrow_mut().push(event);
        }
    }

    /// Writes a shell script into a folder as a program.
    pub fn script(folder: &Path, name: &str, body: &str) -> PathBuf {
        let path = folder.join(name);
        #[expect(clippy::disallowed_methods, reason = "a test's own program")]
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Recorder, script};
    use super::*;

    fn shell(body: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", body]);
        command
    }

    #[tokio::test]
    async fn output_is_collected_and_the_rest_told() {
        let recorder = Recorder::default();
        let finished = run(
            &mut shell("echo result; echo 'about \\377' >&2; printf unended >&2; exit 3"),
            Output::Collected,
            &recorder,
        )
        .await
        .unwrap();
        assert_eq!(finished.status.code(), Some(3));
        assert_eq!(finished.output, ["result"]);
        assert_eq!(finished.tail.len(), 2);
        assert_eq!(
            recorder.events().last(),
            Some(&Event::Output("unended".to_owned()))
        );
    }

    #[tokio::test]
    async fn the_tail_is_the_end() {
        let recorder = Recorder::default();
        let finished = run(
            &mut shell("i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo $i; done"),
            Output::Emitted,
            &recorder,
        )
        .await
        .unwrap();
        assert_eq!(finished.tail.first().unwrap(), "81");
        assert_eq!(finished.tail.last().unwrap(), "100");
        assert_eq!(recorder.events().len(), 100);
    }

    #[tokio::test]
    async fn dropping_the_run_kills_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let mut command = shell(&format!(
            "echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600",
            pid.display()
        ));
        let recorder = Recorder::default();
        let mut running = Box::pin(run(&mut command, Output::Emitted, &recorder));
        let started = async {
            while !pid.exists() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = &mut running => panic!("it ended by itself"),
            () = started => {}
        }
        drop(running);
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        let pid = std::fs::read_to_string(pid).unwrap();
        let process = PathBuf::from(format!("/proc/{}/exe", pid.trim()));
        // A killed process has no executable any more, even before it is reaped.
        while process.read_link().is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    #[test]
    fn programs_are_found_in_the_order_of_the_folders() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(first.path().join("python3"), "not a program").unwrap();
        let path = script(second.path(), "python3", "");
        let search = std::env::join_paths([first.path(), second.path()]).unwrap();
        assert_eq!(find("python3", &search), Some(path));
        assert_eq!(find("python", &search), None);
    }
}
