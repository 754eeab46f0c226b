//! What the command line says.

use std::path::PathBuf;

use crate::database::Engine;
use crate::kind::FunctionKind;

/// Measures the rotation function beside a Python one, in turns, on this machine.
#[derive(clap::Parser)]
pub struct Arguments {
    /// What the function rotates
    #[arg(long, value_enum, default_value_t)]
    pub kind: FunctionKind,

    /// The server whose user's password is rotated; both where none is named
    #[arg(long, value_name = "NAME")]
    pub engine: Option<Engine>,

    /// The function's executable; built for Lambda where none is named
    #[arg(long, value_name = "PATH")]
    pub function: Option<PathBuf>,

    /// How often each side is measured under each condition
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub pairs: Option<u16>,

    /// Only to see that everything works: one pair, the conditions one at a time
    #[arg(long, conflicts_with = "pairs")]
    pub quick: bool,

    /// Measures ours alone
    #[arg(long)]
    pub without_python: bool,

    /// Measures under this condition only; may be repeated
    #[arg(long = "condition", value_name = "NAME")]
    pub conditions: Vec<Name>,

    /// Has functions trust our authority only, not all that this machine trusts
    #[arg(long)]
    pub one_authority: bool,

    /// Shows each call, and when it began and ended
    #[arg(long)]
    pub trace: bool,
}

/// A condition's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Name {
    /// A whole core, calls answered at once
    Instant,
    /// A whole core, 10 ms a call
    Delayed,
    /// What 128 MB buys of a core, calls answered at once
    Limited,
    /// What 128 MB buys of a core, 10 ms a call
    Both,
}
