//! Measures the rotation function beside a Python one that does the same, as
//! Lambda would run both. `README.md` says what is measured and how.
//!
//! - `run`: all of it, in order. `plan`: the conditions. `measure`: one process
//!   and pairs of them. `statistics`, `report`, `table`, `heading`: the result.
//! - `kind`: what is rotated. `scene`: that, with a real server behind it where
//!   it is a `database`'s.
//! - `session`: a process and what is around it: `host` hands it events,
//!   `lambda` is its environment, `stub` the AWS that it calls, over TLS by
//!   `authority`, and `limit` its share of a core.
//! - `peer`: the functions. `function` is ours, `python` what the other needs.

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
    // What was started and made goes with the values that stand for it.
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
