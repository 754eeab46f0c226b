//! The user's folders. The environment names them, in other variables on Windows.

use std::ffi::OsString;
use std::path::PathBuf;

/// Returns the user's home folder, as the AWS SDKs find it: `HOME`, and on Windows then
/// `USERPROFILE`.
pub fn home_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    home(cfg!(windows), variable)
}

/// Returns the folder for what can be made again: `XDG_CACHE_HOME` if it is absolute, or else
/// `~/.cache`; on Windows, `LOCALAPPDATA` comes before `~/.cache`.
pub fn cache_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    cache(cfg!(windows), variable)
}

fn home(is_windows: bool, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let profile = || variable("USERPROFILE").filter(|_| is_windows);
    variable("HOME").or_else(profile).map(PathBuf::from)
}

fn cache(is_windows: bool, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = variable(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let local = || absolute("LOCALAPPDATA").filter(|_| is_windows);
    let below_home = || home(is_windows, &variable).map(|home| home.join(".cache"));
    absolute("XDG_CACHE_HOME")
        .or_else(local)
        .or_else(below_home)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        |name| {
            let found = names.iter().find(|(one, _)| *one == name);
            found.map(|(_, value)| value.into())
        }
    }

    #[test]
    fn windows_has_other_variables() {
        let both = &[("HOME", "/home/me"), ("USERPROFILE", "/users/me")];
        for is_windows in [false, true] {
            assert_eq!(home(is_windows, set(both)), Some("/home/me".into()));
            assert_eq!(home(is_windows, set(&[])), None);
        }
        let profile = &[("USERPROFILE", "/users/me")];
        assert_eq!(home(false, set(profile)), None);
        assert_eq!(home(true, set(profile)), Some("/users/me".into()));
    }

    #[test]
    fn the_cache_is_where_the_user_wants_it() {
        let all = &[
            ("HOME", "/home/me"),
            ("LOCALAPPDATA", "/users/me/local"),
            ("XDG_CACHE_HOME", "/cache"),
        ];
        for is_windows in [false, true] {
            assert_eq!(cache(is_windows, set(all)), Some("/cache".into()));
            assert_eq!(cache(is_windows, set(&[])), None);
        }
        let relative = &[
            ("HOME", "/home/me"),
            ("LOCALAPPDATA", "/users/me/local"),
            ("XDG_CACHE_HOME", "cache"),
        ];
        assert_eq!(cache(false, set(relative)), Some("/home/me/.cache".into()));
        assert_eq!(cache(true, set(relative)), Some("/users/me/local".into()));
        let profile = &[("USERPROFILE", "/users/me")];
        assert_eq!(cache(true, set(profile)), Some("/users/me/.cache".into()));
    }
}
