//! The names of files, programs, and environment variables.

use std::ffi::{OsStr, OsString};
use std::path::{MAIN_SEPARATOR, Path};

/// The endings of programs on Windows if `PATHEXT` is not set, in the order in which they are tried.
const ENDINGS: &str = ".COM;.EXE;.BAT;.CMD";

/// Returns a path as results, findings, and errors show it. A relative path has the same text on
/// each system, with slashes; an absolute one names a place on this machine, and stays as the
/// system writes it.
pub fn shown(path: &Path) -> String {
    shown_with(MAIN_SEPARATOR, path)
}

/// Returns the names of the files that can be a program, in the order in which they are tried: on
/// Windows, the name with each ending of `PATHEXT`, unless it has one.
pub fn program_names(program: &str) -> Vec<String> {
    match cfg!(windows) {
        true => {
            let endings = std::env::var("PATHEXT").ok();
            with_endings(program, endings.as_deref().unwrap_or(ENDINGS))
        }
        false => vec![program.to_owned()],
    }
}

/// Returns the name of an environment variable for a comparison: Windows does not distinguish
/// upper and lower case, and names the search path `Path`.
pub fn variable_name(name: &OsStr) -> OsString {
    match cfg!(windows) {
        true => name.to_ascii_uppercase(),
        false => name.to_owned(),
    }
}

fn shown_with(separator: char, path: &Path) -> String {
    let text = path.display().to_string();
    match path.is_relative() && separator != '/' {
        true => text.replace(separator, "/"),
        false => text,
    }
}

fn with_endings(program: &str, endings: &str) -> Vec<String> {
    let endings = endings.split(';').filter(|ending| !ending.is_empty());
    let endings: Vec<String> = endings.map(str::to_ascii_lowercase).collect();
    let lower = program.to_ascii_lowercase();
    match endings.iter().any(|ending| lower.ends_with(ending)) {
        true => vec![program.to_owned()],
        false => endings
            .iter()
            .map(|ending| format!("{program}{ending}"))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_has_the_same_text_everywhere() {
        assert_eq!(shown_with('\\', Path::new("a\\b/c")), "a/b/c");
        assert_eq!(shown_with('\\', Path::new("/a\\b")), "/a\\b");
        assert_eq!(shown_with('/', Path::new("a\\b/c")), "a\\b/c");
    }

    #[test]
    fn a_program_of_windows_has_an_ending() {
        let names = ["aws.com", "aws.exe", "aws.bat", "aws.cmd"];
        assert_eq!(with_endings("aws", ENDINGS), names);
        assert_eq!(with_endings("AWS.Exe", ENDINGS), ["AWS.Exe"]);
        assert_eq!(with_endings("python3.11", ".EXE;"), ["python3.11.exe"]);
    }
}
