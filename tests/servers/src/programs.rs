//! Finds an engine's programs, on this machine or in the cache.

use std::borrow::Cow;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::archive::{self, Recipe};
use crate::cache;
use crate::error::Error;

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// MariaDB.
    MariaDb,
    /// Oracle's MySQL.
    MySql,
}

impl Engine {
    /// Returns its name for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MariaDb => "MariaDB",
            Self::MySql => "MySQL",
        }
    }

    /// Returns its programs, from stable releases if possible. No stable release of Debian has
    /// MySQL.
    fn source(self) -> &'static Source {
        match self {
            Self::Postgres => &POSTGRES,
            Self::MariaDb => &MARIADB,
            Self::MySql => &MYSQL,
        }
    }
}

/// Where programs come from.
pub struct Source {
    /// The packages to download.
    recipe: Recipe,
    /// The programs to start.
    files: &'static [&'static str],
    /// The name of the folder in the cache, before Debian's release.
    folder: &'static str,
    /// The folder of the programs. PostgreSQL's find each other and their files by their own path.
    bin: &'static str,
}

static POSTGRES: Source = Source {
    recipe: Recipe {
        engine: "PostgreSQL",
        suite: Cow::Borrowed("bookworm"),
        packages: &["postgresql-15", "postgresql-client-15"],
        alone: &[],
        needless: &["perl", "libperl", "libllvm", "debconf", "dpkg", "adduser"],
    },
    files: &["postgres", "initdb", "psql"],
    folder: "postgres",
    bin: "root/usr/lib/postgresql/15/bin",
};

static MARIADB: Source = Source {
    recipe: Recipe {
        engine: "MariaDB",
        suite: Cow::Borrowed("bookworm"),
        packages: &["mariadb-server-core", "mariadb-client-core", "libcrack2"],
        // The plug-ins are in the package that also contains the server.
        alone: &["mariadb-server", "mariadb-plugin-cracklib-password-check"],
        needless: &["perl", "libperl", "debconf", "dpkg"],
    },
    files: &["mariadbd", "mariadb"],
    folder: "mariadb",
    bin: "bin",
};

static MYSQL: Source = Source {
    recipe: Recipe {
        engine: "MySQL",
        suite: Cow::Borrowed("unstable"),
        packages: &["mysql-server-core", "mysql-client-core"],
        alone: &[],
        needless: &["perl", "libperl", "debconf", "dpkg"],
    },
    files: &["mysqld", "mysql"],
    folder: "mysql",
    bin: "bin",
};

/// PgBouncer, a pooler for PostgreSQL.
pub static PGBOUNCER: Source = Source {
    recipe: Recipe {
        engine: "PgBouncer",
        suite: Cow::Borrowed("bookworm"),
        packages: &["pgbouncer"],
        alone: &[],
        needless: &[
            "perl",
            "libperl",
            "debconf",
            "dpkg",
            "adduser",
            "postgresql-common",
            "postgresql-client-common",
            "systemd",
            "python3",
        ],
    },
    files: &["pgbouncer"],
    folder: "pgbouncer",
    bin: "bin",
};

/// Redis.
pub static REDIS: Source = Source {
    recipe: Recipe {
        engine: "Redis",
        suite: Cow::Borrowed("bookworm"),
        packages: &["redis-server"],
        alone: &[],
        needless: &["perl", "libperl", "debconf", "dpkg", "adduser", "lsb-base"],
    },
    files: &["redis-server"],
    folder: "redis",
    bin: "bin",
};

/// RabbitMQ, with the Erlang that runs it.
pub static RABBITMQ: Source = Source {
    recipe: Recipe {
        engine: "RabbitMQ",
        suite: Cow::Borrowed("bookworm"),
        packages: &["rabbitmq-server"],
        alone: &[],
        needless: &[
            "perl",
            "libperl",
            "debconf",
            "dpkg",
            "adduser",
            "logrotate",
            "python3",
            "socat",
            "libwrap0",
        ],
    },
    files: &[
        "beam.smp",
        "epmd",
        "erlexec",
        "erl_child_setup",
        "inet_gethost",
    ],
    folder: "rabbitmq",
    // Erlang's programs find each other in one folder.
    bin: "root/usr/lib/erlang/erts-13.1.5/bin",
};

/// An engine's programs.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The folder with all of them.
    pub bin: PathBuf,
    /// The folder that is `/usr` in their packages.
    pub usr: PathBuf,
    /// Distinguishes these programs from those of another version.
    pub identity: String,
}

impl Programs {
    /// Returns a program's path.
    pub fn path(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// Finds an engine's programs, and downloads them if the machine has none.
///
/// Of the programs of this machine, only PostgreSQL is used, which keeps programs, plug-ins,
/// and messages together in the folders of one version. `.ci/versions` names the folder of another
/// version in [`POSTGRES_FOLDER`].
pub fn find(engine: Engine) -> Result<Programs, Error> {
    if engine == Engine::Postgres
        && let Some(programs) = named().or_else(installed)
    {
        return Ok(programs);
    }
    fetch(engine.source())
}

/// Returns programs from the cache, and downloads them first if they are not there.
pub fn fetch(source: &Source) -> Result<Programs, Error> {
    let suite = match source.folder {
        "mariadb" => std::env::var(MARIADB_SUITE).ok(),
        _ => None,
    };
    let recipe = Recipe {
        suite: suite.map_or_else(|| source.recipe.suite.clone(), Cow::Owned),
        ..source.recipe.clone()
    };
    let name = format!("{}-{}", source.folder, recipe.suite);
    let place = cache::once(&name, |partial, place| {
        archive::unpack(&recipe, &partial.join("root"))?;
        wrap(source, partial, place)
    })?;
    Ok(Programs {
        bin: place.join(source.bin),
        usr: place.join("root/usr"),
        identity: name,
    })
}

/// The environment variable with a folder of PostgreSQL's programs.
const POSTGRES_FOLDER: &str = "KEYROTA_TEST_POSTGRES";

/// The environment variable with the Debian release from which MariaDB comes.
const MARIADB_SUITE: &str = "KEYROTA_TEST_MARIADB_SUITE";

/// Returns the PostgreSQL that the environment names.
fn named() -> Option<Programs> {
    let bin = PathBuf::from(std::env::var_os(POSTGRES_FOLDER)?);
    let version = bin.file_name()?.to_string_lossy().into_owned();
    Some(Programs {
        usr: bin.clone(),
        bin,
        identity: format!("postgres-{version}"),
    })
}

/// Returns the newest PostgreSQL on this machine.
fn installed() -> Option<Programs> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let version = versions
        .filter(|version| version.path().join("bin/initdb").exists())
        .filter_map(|version| version.file_name().to_str()?.parse::<u32>().ok())
        .max()?;
    Some(Programs {
        bin: PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")),
        usr: PathBuf::from("/usr"),
        identity: format!("postgres-{version}"),
    })
}

/// Writes a script for each program that starts it with the C library from its packages.
fn wrap(source: &Source, partial: &Path, place: &Path) -> Result<(), Error> {
    let root = partial.join("root");
    let incomplete = |file: &str| Error::Incomplete {
        engine: source.recipe.engine,
        file: file.to_owned(),
    };
    let loader = libraries(&root)
        .into_iter()
        .find(|path| is_loader(path))
        .ok_or_else(|| incomplete("dynamic loader"))?;
    // The path after the folder is renamed.
    let later = |path: &Path| {
        let inner = path.strip_prefix(partial).unwrap_or(path);
        place.join(inner).display().to_string()
    };
    let mut folders: Vec<String> = library_folders(&root)
        .iter()
        .map(|path| later(path))
        .collect();
    folders.dedup();
    let bin = partial.join(source.bin);
    fs::create_dir_all(&bin).map_err(Error::file("make", &bin))?;
    for name in source.files {
        let own = source.bin.strip_prefix("root/").unwrap_or_default();
        let found = [own, "usr/sbin", "usr/bin"]
            .iter()
            .map(|folder| root.join(folder).join(name))
            .find(|path| path.exists())
            .ok_or_else(|| incomplete(name))?;
        let real = found.with_file_name(format!("{name}.real"));
        fs::rename(&found, &real).map_err(Error::file("rename", &found))?;
        let script = bin.join(name);
        cache::write(
            &script,
            &format!(
                "#!/bin/sh\nexec '{}' --argv0 \"$0\" --library-path '{}' '{}' \"$@\"\n",
                later(&loader),
                folders.join(":"),
                later(&real)
            ),
        )?;
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&script, mode).map_err(Error::file("change", &script))?;
    }
    Ok(())
}

/// Returns the folders of shared libraries. Debian has one for each architecture.
fn library_folders(root: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for base in ["usr/lib", "lib", "usr/lib64", "lib64"] {
        let base = root.join(base);
        let inner = fs::read_dir(&base).into_iter().flatten().flatten();
        let triplets = inner.map(|entry| entry.path()).filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.is_dir() && name.contains("-linux-gnu")
        });
        folders.extend(triplets);
        folders.push(base);
    }
    folders
}

fn libraries(root: &Path) -> Vec<PathBuf> {
    let folders = library_folders(root);
    let entries = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok());
    entries
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}

fn is_loader(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("ld-linux") && path.exists()
}
