//! The command line's arguments.

use std::path::PathBuf;

use crate::database::Engine;
use crate::kind::FunctionKind;

/// Measures the rotation function and a Python one alternately, on this machine.
#[derive(clap::Parser)]
pub struct Arguments {
    /// What the function rotates
    #[arg(long, value_enum, default_value_t)]
    pub kind: FunctionKind,

    /// The server on which a user's password is rotated; both by default
    #[arg(long, value_name = "NAME")]
    pub engine: Option<Engine>,

    /// The function's executable; built for Lambda by default
    #[arg(long, value_name = "PATH")]
    pub function: Option<PathBuf>,

    /// The number of measurements of each side under each condition
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub pairs: Option<u16>,

    /// Only check that everything works: one pair, and one condition at a time
    #[arg(long, conflicts_with = "pairs")]
    pub quick: bool,

    /// Measure only keyrota's function
    #[arg(long)]
    pub without_python: bool,

    /// Measure only under this condition; may be repeated
    #[arg(long = "condition", value_name = "NAME")]
    pub conditions: Vec<Name>,

    /// Make functions trust only the benchmark's authority, instead of all that this machine
    /// trusts
    #[arg(long)]
    pub one_authority: bool,

    /// Show each call with its start and end
    #[arg(long)]
    pub trace: bool,
}

/// The name of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Name {
    /// A whole core, calls answered immediately
    Instant,
    /// A whole core, 10 ms a call
    Delayed,
    /// The share of a core for 128 MB, calls answered immediately
    Limited,
    /// The share of a core for 128 MB, 10 ms a call
    Both,
}
