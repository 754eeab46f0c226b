//! Measures the rotation function and a Python one that does the same, as Lambda would run
//! both. `README.md` describes what is measured and how.
//!
//! - `run`: everything, in order. `plan`: the conditions. `measure`: one process and pairs of
//!   them. `statistics`, `report`, `table`, `heading`: the result.
//! - `kind`: what is rotated. `scene`: the same, with a real server for a database.
//! - `session`: a process and its surroundings: `host` passes events to it, `lambda` is its
//!   environment, `stub` is the AWS that it calls, with TLS by `authority`, and `limit` is its
//!   share of a core.
//! - `subject_function`: the functions. `function` is keyrota's, and `python` sets up the
//!   other.

mod arguments;
mod authority;
mod database;
mod error;
mod function;
mod heading;
mod host;
mod kind;
mod lambda;
mod limit;
mod machine;
mod measure;
mod moment;
mod plan;
mod process;
mod progress;
mod python;
mod report;
mod run;
mod scene;
mod session;
mod statistics;
mod stub;
mod subject_function;
mod table;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    // Dropping the values stops and removes everything that was started and created.
    let ended = tokio::select! {
        ended = run::run(&arguments) => ended,
        _ = tokio::signal::ctrl_c() => return ExitCode::FAILURE,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("error: {error}");
            let mut cause = error.source();
            while let Some(source) = cause {
                text += &format!(": {source}");
                cause = source.source();
            }
            progress::say(&text);
            ExitCode::FAILURE
        }
    }
}
