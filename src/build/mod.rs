//! Building the rotation function from its source.
//!
//! Cargo does the work and decides what is up to date. This room finds the source, makes
//! the build reproducible in any directory, and chooses the tool that links for Lambda:
//! cargo alone where the machine is of the architecture asked for, and one that can link
//! for another where it is not, or where this machine's glibc is too new.

mod error;
mod function;
mod invocation;
mod message;
mod method;
mod setting;
mod toolchain;

pub use error::Error;
pub use function::Function;
pub use method::Missing;

use crate::bundle::{self, Machine, PackageFault};
use crate::model::Architecture;
use crate::port::{Event, Listener, Stage};

use method::{Method, Tools};
use setting::Setting;

impl From<Architecture> for Machine {
    fn from(architecture: Architecture) -> Self {
        match architecture {
            Architecture::X86_64 => Self::X86_64,
            Architecture::Arm64 => Self::Aarch64,
        }
    }
}

/// Builds a function for an architecture and returns the executable. Cargo's output is
/// shown while it runs. If everything is up to date, this takes less than a second.
///
/// The source is where `KEYROTA_SOURCE` says, or else where this program was
/// built from. The caller's `RUSTFLAGS` do not count: flags such as
/// `target-cpu=native` would give a function that cannot run on Lambda's
/// machines, and other bytes on every machine.
///
/// # Errors
///
/// Returns what is missing, or what the build said, or why its result cannot
/// run on Lambda.
pub async fn build(
    function: Function,
    architecture: Architecture,
    listener: &dyn Listener,
) -> Result<Vec<u8>, Error> {
    let setting = Setting::of_this_process();
    build_with(&setting, function, architecture, listener).await
}

async fn build_with(
    setting: &Setting,
    function: Function,
    architecture: Architecture,
    listener: &dyn Listener,
) -> Result<Vec<u8>, Error> {
    listener.on(Event::Stage(Stage::Building {
        function: function.title(),
        architecture: architecture.as_str(),
    }));
    let source = setting.source()?;
    setting.find("cargo").ok_or(Error::CargoMissing)?;
    let toolchain = toolchain::inspect(setting, architecture, listener).await?;
    let tools = Tools::found(setting, architecture, &toolchain).await;
    let method = method::choose(&toolchain.host, architecture, &tools).map_err(|missing| {
        Error::Missing {
            architecture,
            missing,
        }
    })?;
    let run = async |method: &Method| {
        let order = invocation::BuildInputs {
            function,
            architecture,
            method,
        };
        invocation::run(setting, &source, &toolchain, order, listener).await
    };
    let executable = run(&method).await?;
    let Err(refused) = bundle::check(&executable, architecture.into()) else {
        return Ok(executable);
    };
    let only_too_new = refused
        .faults()
        .iter()
        .all(|fault| matches!(fault, PackageFault::SymbolVersion { .. }));
    if !only_too_new || method == Method::Zigbuild {
        return Err(Error::Unfit(refused));
    }
    if !tools.can_choose_glibc() {
        return Err(Error::TooNew(refused));
    }
    let executable = run(&Method::Zigbuild).await?;
    bundle::check(&executable, architecture.into()).map_err(Error::Unfit)?;
    Ok(executable)
}

#[cfg(test)]
mod tests;
