//! A cache of folders that are either complete or absent.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::error::Error;

/// Returns the folder of the cache.
///
/// Servers that root starts run as another user, who cannot read root's home. Therefore root's
/// cache is where those of system services are.
pub fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("KEYROTA_TEST_SERVERS") {
        return PathBuf::from(folder);
    }
    if geteuid().is_root() {
        return PathBuf::from("/var/cache/keyrota-test-servers");
    }
    let home = || {
        let home = std::env::var_os("HOME").unwrap_or_default();
        PathBuf::from(home).join(".cache")
    };
    std::env::var_os("XDG_CACHE_HOME")
        .map_or_else(home, PathBuf::from)
        .join("keyrota/servers")
}

/// Returns a folder of the cache, and creates it if it is absent. If several processes need it,
/// one creates it while the others wait.
///
/// `make` fills a folder that is then renamed to `place`. The content may depend on `place`,
/// but not on the folder in which it was created.
pub fn once(
    name: &str,
    make: impl FnOnce(&Path, &Path) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let cache = folder();
    let place = cache.join(name);
    if place.exists() {
        return Ok(place);
    }
    fs::create_dir_all(&cache).map_err(Error::file("make", &cache))?;
    let lock = cache.join(format!("{name}.lock"));
    let lock = File::create(&lock).map_err(Error::file("write", &lock))?;
    lock.lock()
        .map_err(Error::io("lock the cache of servers"))?;
    if place.exists() {
        return Ok(place);
    }
    let partial = cache.join(format!("{name}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(Error::file("remove", &partial))?;
    }
    fs::create_dir_all(&partial).map_err(Error::file("make", &partial))?;
    make(&partial, &place)?;
    fs::rename(&partial, &place).map_err(Error::file("rename", &partial))?;
    Ok(place)
}

/// Writes a file.
pub fn write(path: &Path, content: &str) -> Result<(), Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "files are what servers are configured with"
    )]
    fs::write(path, content).map_err(Error::file("write", path))
}

/// Reads a file with any bytes. A missing file is empty.
pub fn read(path: &Path) -> String {
    #[expect(clippy::disallowed_methods, reason = "a server's own log")]
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
