//! The credentials file in every shape that hosts have.
#![expect(clippy::disallowed_methods, reason = "tests look at what was written")]

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;

const OLD: &[u8] = b"[host]\r\naws_access_key_id = OLD\r\n";
const NEW: &[u8] = b"[host]\r\naws_access_key_id = NEW\r\n";

fn file(path: &Path) -> SharedCredentialsFile {
    SharedCredentialsFile::new(path.to_owned(), "host")
}

fn write(path: &Path, mode: u32) {
    std::fs::write(path, OLD).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn the_mode_the_owner_and_a_link_stay() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    for mode in [0o600, 0o400, 0o640, 0o444] {
        let path = folder.path().join(format!("credentials-{mode:o}"));
        write(&path, mode);
        let held = std::fs::metadata(&path).unwrap();
        assert_eq!(file(&path).replace(OLD, NEW), Ok(true));
        assert_eq!(std::fs::read(&path).unwrap(), NEW);
        let kept = std::fs::metadata(&path).unwrap();
        assert_eq!(kept.permissions().mode() & 0o7777, mode);
        assert_eq!((kept.uid(), kept.gid()), (held.uid(), held.gid()));
    }
    // A link, over another link, into another folder.
    let target = elsewhere.path().join("real");
    write(&target, 0o600);
    let (link, outer) = (folder.path().join("link"), folder.path().join("outer"));
    std::os::unix::fs::symlink(&target, &link).unwrap();
    std::os::unix::fs::symlink("link", &outer).unwrap();
    assert_eq!(file(&outer).replace(OLD, NEW), Ok(true));
    assert!(link.is_symlink() && outer.is_symlink());
    assert_eq!(std::fs::read(&target).unwrap(), NEW);
    assert_eq!(names(elsewhere.path()), ["real"]);
}

/// Only root can give a file away.
#[test]
fn the_owner_of_the_file_is_another_user() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    write(&path, 0o600);
    if std::os::unix::fs::chown(&path, Some(12_345), Some(54_321)).is_err() {
        return;
    }
    assert_eq!(file(&path).replace(OLD, NEW), Ok(true));
    let kept = std::fs::metadata(&path).unwrap();
    assert_eq!((kept.uid(), kept.gid()), (12_345, 54_321));
    assert_eq!(kept.permissions().mode() & 0o7777, 0o600);
}

#[test]
fn what_another_program_wrote_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    write(&path, 0o600);
    let other = b"[host]\r\naws_access_key_id = OLD\r\n[added]\r\n";
    std::fs::write(&path, other).unwrap();
    assert_eq!(file(&path).replace(OLD, NEW), Ok(false));
    assert_eq!(std::fs::read(&path).unwrap(), other);
    assert_eq!(names(folder.path()), ["credentials"]);
}

#[test]
fn what_cannot_be_replaced_is_refused_and_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    let message = |path: &Path| file(path).replace(OLD, NEW).unwrap_err().message;
    assert!(message(&path).ends_with("No such file or directory (os error 2)"));
    assert!(file(&path).read().unwrap_err().hint.is_some());
    assert!(message(folder.path()).ends_with("it is not a regular file"));
    for refused in [
        file(folder.path()).replace(OLD, NEW).unwrap_err(),
        file(folder.path()).read().unwrap_err(),
    ] {
        let hint = refused.hint.unwrap_or_default();
        assert!(
            hint.ends_with("such as DIRECTORY/credentials"),
            "{refused:?}"
        );
    }
    write(&path, 0o600);
    std::fs::hard_link(&path, folder.path().join("other")).unwrap();
    assert!(message(&path).ends_with("(a hard link)"));
    assert_eq!(std::fs::read(&path).unwrap(), OLD);
    assert_eq!(names(folder.path()), ["credentials", "other"]);
}

#[test]
fn a_killed_process_leaves_nothing_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    write(&path, 0o600);
    std::fs::write(folder.path().join(".credentials.keyrota-new-abcdef"), NEW).unwrap();
    std::fs::write(folder.path().join(".other.keyrota-new-abcdef"), NEW).unwrap();
    assert_eq!(file(&path).replace(OLD, NEW), Ok(true));
    let left = [".other.keyrota-new-abcdef", "credentials"];
    assert_eq!(names(folder.path()), left);
}

/// Several profiles of one file are followed at the same moment: each has its lines in the end, and
/// no process removes the temporary file of another one.
#[test]
fn no_change_of_another_process_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    write(&path, 0o600);
    let threads = (0..8).map(|index| {
        let path = path.clone();
        std::thread::spawn(move || {
            let own = SharedCredentialsFile::new(path.clone(), &index.to_string());
            loop {
                own.set_pending_command(Some("AKIA1")).unwrap();
                let seen = file(&path).read().unwrap();
                let mut content = seen.clone();
                content.extend_from_slice(format!("# {index}\n").as_bytes());
                if file(&path).replace(&seen, &content).unwrap() {
                    break own.set_pending_command(None).unwrap();
                }
            }
        })
    });
    let threads: Vec<_> = threads.collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let text = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
    for index in 0..8 {
        assert_eq!(text.matches(&format!("# {index}\n")).count(), 1, "{text}");
    }
    assert_eq!(names(folder.path()), ["credentials"]);
}

/// Any user who may read the folder can lock it.
#[test]
fn a_lock_that_is_never_released_does_not_prevent_the_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    write(&path, 0o600);
    let others = folder.path().join(".credentials.keyrota-new-abcdef");
    std::fs::write(&others, NEW).unwrap();
    let lock = File::open(folder.path()).unwrap();
    lock.lock().unwrap();
    assert_eq!(file(&path).replace(OLD, NEW), Ok(true));
    // It may be that of the process with the lock.
    assert!(others.exists());
}

#[test]
fn a_path_of_the_environment_may_begin_with_the_home_directory() {
    for (path, expected) in [
        ("~/keys/credentials", "/home/ada/keys/credentials"),
        ("/etc/~/credentials", "/etc/~/credentials"),
        ("~ada/credentials", "~ada/credentials"),
        ("credentials", "credentials"),
    ] {
        let found = expanded(PathBuf::from(path), Path::new("/home/ada"));
        assert_eq!(found, Path::new(expected));
    }
}

#[test]
fn a_command_that_has_not_run_is_recorded_for_each_profile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    write(&path, 0o600);
    let (one, other) = (
        file(&path),
        SharedCredentialsFile::new(path.clone(), "other"),
    );
    assert_eq!(one.pending_command(), Ok(None));
    one.set_pending_command(Some("AKIA1")).unwrap();
    one.set_pending_command(Some("AKIA2")).unwrap();
    assert_eq!(one.pending_command(), Ok(Some("AKIA2".to_owned())));
    assert_eq!(other.pending_command(), Ok(None));
    for _ in 0..2 {
        one.set_pending_command(None).unwrap();
    }
    assert_eq!(names(folder.path()), ["credentials"]);
}
