//! A data folder that is created once and copied for each server.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archive::run;
use crate::cache;
use crate::engine;
use crate::error::Error;
use crate::process::{as_nobody, hand_over};
use crate::programs::{Engine, Programs};

/// Copies the data of a server that was never started to `data`.
pub fn copy(engine: Engine, programs: &Programs, data: &Path) -> Result<(), Error> {
    let template = prepare(engine, programs)?;
    run(Command::new("cp").arg("-R").arg(template).arg(data)).map(drop)
}

fn prepare(engine: Engine, programs: &Programs) -> Result<PathBuf, Error> {
    let name = format!("{}-data", programs.identity);
    let folder = cache::once(&name, |partial, _| {
        // Created as another user where that can write, and then copied to the cache.
        let folder = tempfile::tempdir().map_err(Error::io("make a temporary folder"))?;
        hand_over(folder.path())?;
        let made = folder.path().join("data");
        let mut command = engine::initialise(engine, programs, &made, folder.path())?;
        run(as_nobody(&mut command))?;
        run(Command::new("cp").arg("-R").arg(made).arg(partial)).map(drop)
    })?;
    Ok(folder.join("data"))
}
