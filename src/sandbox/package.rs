//! The emulator's Python package, which is compiled into this program.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Error;
use super::environment::{Environment, Recipe, short_hash, write};

/// The emulator's requirements.
pub const RECIPE: Recipe = Recipe {
    requirements: include_str!("emulator/requirements.txt"),
};

/// The additional requirements of this project's tests.
pub const TEST_REQUIREMENTS: &str = include_str!("emulator/requirements-test.txt");

/// The package's name, as Python imports it.
pub const NAME: &str = "keyrota_emulator";

macro_rules! modules {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("emulator/keyrota_emulator/", $name)))),*]
    };
}

/// Each module's file name and content.
const MODULES: &[(&str, &str)] = &modules![
    "__init__.py",
    "__main__.py",
    "actual.py",
    "ascii.py",
    "authorization.py",
    "changesets.py",
    "clock.py",
    "delivery.py",
    "drift.py",
    "encryption.py",
    "gateway.py",
    "gone.py",
    "handlers.json",
    "handlers.py",
    "imports.py",
    "keys.py",
    "lag.py",
    "logs.py",
    "loopback.py",
    "principals.py",
    "processes.py",
    "propagation.py",
    "protocols.py",
    "quarantine.py",
    "refusal.py",
    "replaced.py",
    "replicas.py",
    "report.py",
    "resources.py",
    "reversion.py",
    "revert.py",
    "root.py",
    "rotation.py",
    "schedule.py",
    "schemas.py",
    "secrets.py",
    "service_keys.py",
    "simulation.py",
    "stacks.py",
    "stale.py",
    "storage.py",
    "strict.py",
    "tags.py",
    "throttle.py",
    "trail.py",
];

/// Writes the package next to the virtual environment and returns its folder. The folder's name
/// is a digest of the content, and the folder is renamed into place, so it is complete even if
/// other threads or processes start at the same time.
///
/// # Errors
///
/// Fails if a file cannot be written.
pub fn install(environment: &Environment) -> Result<PathBuf, Error> {
    let content: Vec<&str> = MODULES
        .iter()
        .flat_map(|(name, text)| [*name, *text])
        .collect();
    let folder = environment
        .home
        .join(format!("emulator-{}", short_hash(&content.join("\0"))));
    if folder.exists() {
        return Ok(folder);
    }
    static DRAFTS: AtomicU32 = AtomicU32::new(0);
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let draft = folder.with_extension(format!("{}-{number}", std::process::id()));
    let package = draft.join(NAME);
    fs::create_dir_all(&package).map_err(Error::write(&package))?;
    for (name, text) in MODULES {
        write(&package.join(name), text)?;
    }
    match fs::rename(&draft, &folder) {
        // Another thread or process has created it with the same content.
        Err(_) if folder.exists() => {
            fs::remove_dir_all(&draft).map_err(Error::write(&draft))?;
        }
        renamed => renamed.map_err(Error::write(&folder))?,
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_of_the_package_is_part_of_the_program() {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/sandbox/emulator/keyrota_emulator"
        );
        let mut there: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "__pycache__")
            .collect();
        there.sort();
        let embedded: Vec<&str> = MODULES.iter().map(|(name, _)| *name).collect();
        assert_eq!(embedded, there);
    }

    #[test]
    fn the_package_is_written_whole_and_once() {
        let home = tempfile::tempdir().unwrap();
        let environment = Environment {
            home: home.path().to_owned(),
        };
        let folder = install(&environment).unwrap();
        for (name, text) in MODULES {
            #[expect(clippy::disallowed_methods, reason = "a test's own file")]
            let written = fs::read_to_string(folder.join(NAME).join(name)).unwrap();
            assert_eq!(written, *text);
        }
        assert_eq!(install(&environment).unwrap(), folder);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
