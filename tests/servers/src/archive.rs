//! Unpacks packages from Debian's archive into a folder. apt downloads them and checks their
//! signatures, as the user that runs the tests, and with its own folders. Nothing is installed,
//! and no package script is run.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::error::Error;

/// Debian's keys, in Debian's package of them.
const KEYRING: &str = "usr/share/keyrings/debian-archive-keyring.gpg";

/// The packages to download.
#[derive(Clone)]
pub struct Recipe {
    /// The engine's name, for messages.
    pub engine: &'static str,
    /// Debian's release.
    pub suite: Cow<'static, str>,
    /// Packages with all of their dependencies, including the C library, so that they run on
    /// another release.
    pub packages: &'static [&'static str],
    /// Packages without their dependencies.
    pub alone: &'static [&'static str],
    /// Prefixes of the names of dependencies that servers do not need.
    pub needless: &'static [&'static str],
}

/// Downloads packages and unpacks them into `root`.
pub fn unpack(recipe: &Recipe, root: &Path) -> Result<(), Error> {
    for tool in ["apt-get", "dpkg-deb"] {
        if find(tool).is_none() {
            let engine = recipe.engine;
            return Err(Error::Missing { engine, tool });
        }
    }
    say(recipe);
    let folder = tempfile::tempdir().map_err(Error::io("make a temporary folder"))?;
    let folder = folder.path();
    let keyring = keyring(folder)?;
    let line = format!(
        "deb [signed-by={}] http://deb.debian.org/debian {} main\n",
        keyring.display(),
        recipe.suite
    );
    let apt = Apt::new(&folder.join("debian"), Some(&line))?;
    apt.run(["update"])?;
    let wanted = apt.run(
        ["install", "--yes", "--print-uris"]
            .iter()
            .chain(recipe.packages),
    )?;
    let mut names: Vec<String> = wanted.lines().filter_map(package).collect();
    names.retain(|name| !recipe.needless.iter().any(|start| name.starts_with(start)));
    names.extend(recipe.alone.iter().map(|&name| name.to_owned()));
    apt.download(&names)?;
    apt.extract(root)
}

#[expect(
    clippy::print_stderr,
    reason = "a download of minutes should not look like a test that hangs"
)]
fn say(recipe: &Recipe) {
    eprintln!(
        "fetching {} from Debian {}, once, into {}",
        recipe.engine,
        recipe.suite,
        cache::folder().display()
    );
}

/// Returns `NAME=VERSION` for a line `'URI' NAME_VERSION_ARCHITECTURE.deb …`.
fn package(line: &str) -> Option<String> {
    let file = line.strip_prefix('\'')?.split(' ').nth(1)?;
    let mut parts = file.split('_');
    let (name, version) = (parts.next()?, parts.next()?);
    Some(format!("{name}={}", version.replace("%3a", ":")))
}

/// Returns Debian's keys: this machine's, or those in the package of its distribution, which is
/// verified with the distribution's own keys.
fn keyring(folder: &Path) -> Result<PathBuf, Error> {
    let here = Path::new("/").join(KEYRING);
    if here.exists() {
        return Ok(here);
    }
    let apt = Apt::new(&folder.join("keyring"), None)?;
    apt.run(["update"])?;
    apt.download(&["debian-archive-keyring".to_owned()])?;
    apt.extract(folder)?;
    Ok(folder.join(KEYRING))
}

/// apt with its own folders.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// Creates the folders. Without a source, the system's sources are used.
    fn new(folder: &Path, source: Option<&str>) -> Result<Self, Error> {
        for inner in ["lists/partial", "cache/archives/partial", "empty", "deb"] {
            let inner = folder.join(inner);
            fs::create_dir_all(&inner).map_err(Error::file("make", &inner))?;
        }
        let at = |name: &str| folder.join(name).display().to_string();
        cache::write(&folder.join("status"), "")?;
        let mut settings = format!(
            "Dir::State \"{}\";\nDir::State::status \"{}\";\nDir::State::lists \"{}\";\n\
             Dir::Cache \"{}\";\nDir::Etc::parts \"{empty}\";\nDir::Etc::main \"/dev/null\";\n\
             Dir::Etc::preferences \"/dev/null\";\nDir::Etc::preferencesparts \"{empty}\";\n\
             APT::Install-Recommends \"false\";\nAPT::Sandbox::User \"\";\n\
             Acquire::Languages \"none\";\nAcquire::Retries \"3\";\n",
            at(""),
            at("status"),
            at("lists"),
            at("cache"),
            empty = at("empty"),
        );
        if let Some(line) = source {
            cache::write(&folder.join("sources.list"), line)?;
            settings += &format!(
                "Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"{}\";\n",
                at("sources.list"),
                at("empty"),
            );
        }
        // The machine's settings for how to reach archives, and how old a mirror's lists may
        // be, are kept. Its hooks, which could empty the system's cache, are not.
        let machine = run(Command::new("apt-config").args(["dump", "Acquire"]))?;
        for line in machine.lines() {
            if ["Acquire::http", "Acquire::Check-"]
                .iter()
                .any(|start| line.starts_with(start))
            {
                settings += &format!("{line}\n");
            }
        }
        cache::write(&folder.join("apt.conf"), &settings)?;
        let folder = folder.to_owned();
        Ok(Self { folder })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("apt-get");
        command
            .arg("--quiet=2")
            .env("APT_CONFIG", self.folder.join("apt.conf"))
            .env("LC_ALL", "C")
            .current_dir(self.folder.join("deb"));
        command
    }

    fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<String, Error> {
        run(self.command().args(arguments))
    }

    fn download(&self, names: &[String]) -> Result<(), Error> {
        run(self.command().arg("download").args(names)).map(drop)
    }

    fn extract(&self, root: &Path) -> Result<(), Error> {
        let folder = self.folder.join("deb");
        let files = fs::read_dir(&folder).map_err(Error::file("read", &folder))?;
        for file in files {
            let file = file.map_err(Error::file("read", &folder))?.path();
            run(Command::new("dpkg-deb").arg("-x").arg(file).arg(root))?;
        }
        Ok(())
    }
}

/// Runs a program to its end, and returns what it printed.
pub fn run(command: &mut Command) -> Result<String, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(Error::io(format!("run {program}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let output = text(&output.stdout) + &text(&output.stderr);
    Err(Error::Program { program, output })
}

/// Returns the path of a program on the `PATH`.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}
