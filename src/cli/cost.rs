//! `keyrota cost`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::fleet::Stacks;
use super::settings::Settings;
use crate::cost::{self, Prices, Usage};
use crate::system::shown;

/// Estimate the monthly cost of the stack, offline
///
/// Uses the list prices of one Region, and ignores the free tier. The result states its
/// assumptions and what it does not include.
#[derive(Args, Debug)]
pub(super) struct CostCommand {
    /// Use this price list, YAML or JSON, instead of the built-in one
    ///
    /// `--show-prices` prints the built-in price list, to start from.
    #[arg(long, value_name = "FILE", conflicts_with = "show_prices")]
    prices: Option<PathBuf>,
    /// Print the built-in price list and exit
    #[arg(long)]
    show_prices: bool,
    /// Number of times that each reader reads its secret in an hour
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    reads_per_hour: u32,
}

pub(super) fn run(settings: &Settings, verb: &CostCommand) -> Result<Exit, Failed> {
    if verb.show_prices {
        settings.view.text(Prices::BUILT_IN);
        return Ok(Exit::Done);
    }
    let prices = match &verb.prices {
        Some(file) => read(file)?,
        None => Prices::built_in(),
    };
    let stacks = Stacks::load(settings)?;
    let models: Vec<_> = stacks
        .fleet
        .shards
        .iter()
        .map(|shard| &shard.model)
        .collect();
    let usage = Usage {
        reads_per_hour: verb.reads_per_hour,
    };
    settings
        .view
        .show(&cost::estimate(&models, &prices, &usage));
    Ok(Exit::Done)
}

fn read(file: &Path) -> Result<Prices, Failed> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is where files come in"
    )]
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failed::file("read the list of prices", file, &error))?;
    Prices::parse(&text).map_err(|findings| {
        Failed::refused(&shown(file), findings)
            .hint("see `keyrota cost --show-prices` for the format")
    })
}
