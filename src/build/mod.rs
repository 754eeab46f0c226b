//! Builds the rotation functions from source.
//!
//! Cargo does the work and decides what is up to date. This room finds the source, makes the
//! build reproducible in any folder, and chooses the tool that links for Lambda: cargo alone if
//! the host has the requested architecture, and otherwise, or if the host's glibc is too new, a
//! tool that can link for another system.

mod error;
mod function;
mod invocation;
mod message;
mod method;
mod packed;
mod profile;
mod setting;
mod toolchain;

pub use error::Error;
pub use function::Function;
pub use method::Missing;
pub use profile::Profile;

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

/// An executable, and what it was built with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The executable.
    pub executable: Vec<u8>,
    /// The compiler's version and the tool that linked it. Another toolchain builds other bytes.
    pub toolchain: String,
}

/// Builds a function for an architecture and returns the executable. Cargo's output is shown
/// while it runs. If everything is up to date, this takes less than a second.
///
/// The source is in the folder that `KEYROTA_SOURCE` names, or where this program was built
/// from, unless it is a distribution build. A program from a crate contains it. The caller's `RUSTFLAGS` are ignored: flags such as `target-cpu=native` would produce
/// a function that cannot run on Lambda, and different bytes on each machine.
///
/// # Errors
///
/// Fails if a tool is missing, if the build fails, or if the executable cannot run on Lambda.
pub async fn build(
    function: Function,
    architecture: Architecture,
    profile: Profile,
    listener: &dyn Listener,
) -> Result<Built, Error> {
    let setting = Setting::of_this_process();
    build_with(&setting, function, architecture, profile, listener).await
}

async fn build_with(
    setting: &Setting,
    function: Function,
    architecture: Architecture,
    profile: Profile,
    listener: &dyn Listener,
) -> Result<Built, Error> {
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
        let inputs = invocation::BuildInputs {
            function,
            architecture,
            profile,
            method,
        };
        invocation::run(setting, &source, &toolchain, inputs, listener).await
    };
    let built = |executable, method: &Method| Built {
        executable,
        toolchain: format!("{}, {method}", toolchain.version),
    };
    let executable = run(&method).await?;
    let Err(refused) = bundle::check(&executable, architecture.into()) else {
        return Ok(built(executable, &method));
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
    Ok(built(executable, &Method::Zigbuild))
}

#[cfg(test)]
mod tests;
