//! `keyrota adapter`: one file for its only command, and one for each question around it.

mod deployed;
mod rotated;
mod stop;
mod target;
mod test;

use clap::{Args, Subcommand};

use super::Exit;
use super::failure::Failed;
use super::settings::Settings;

/// Work on an adapter for services
#[derive(Args, Debug)]
pub(super) struct AdapterCommand {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Test(Box<test::TestCommand>),
}

impl AdapterCommand {
    /// Returns whether it handles the signals that otherwise interrupt keyrota.
    pub(super) fn handles_signals(&self) -> bool {
        match &self.command {
            Verb::Test(verb) => verb.handles_signals(),
        }
    }
}

pub(super) async fn run(settings: &Settings, verb: &AdapterCommand) -> Result<Exit, Failed> {
    match &verb.command {
        Verb::Test(verb) => test::run(settings, verb).await,
    }
}
