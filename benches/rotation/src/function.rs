//! Keyrota's function: built for Lambda, or supplied.

use std::path::Path;

use keyrota::build::Profile;
use keyrota::bundle::Bundle;
use keyrota::model::Architecture;
use keyrota::port::{Event, Listener};

use crate::error::Error;
use crate::kind::FunctionKind;
use crate::progress;

/// The function's executable, and the size of the zip that is deployed.
pub struct Function {
    pub executable: Vec<u8>,
    pub zip: usize,
}

impl Function {
    /// Reads an executable, or builds it like `keyrota bootstrap`.
    ///
    /// # Errors
    ///
    /// Fails if there is no executable, or if Lambda would not run it.
    pub async fn obtain(kind: FunctionKind, given: Option<&Path>) -> Result<Self, Error> {
        let architecture = match std::env::consts::ARCH {
            "aarch64" => Architecture::Arm64,
            _ => Architecture::X86_64,
        };
        let (executable, name) = match given {
            Some(path) => (read(path)?, path.display().to_string()),
            None => {
                progress::say("building the function");
                let built = keyrota::build::build(
                    kind.function(),
                    architecture,
                    Profile::Function,
                    &CargoListener,
                )
                .await?;
                (built.executable, "what was built".to_owned())
            }
        };
        match Bundle::pack(&executable, architecture.into()) {
            Ok(bundle) => Ok(Self {
                executable,
                zip: bundle.bytes().len(),
            }),
            Err(refused) => Err(Error::Unfit {
                function: name,
                faults: refused.to_string(),
            }),
        }
    }
}

/// Shows cargo's output.
struct CargoListener;

impl Listener for CargoListener {
    fn on(&self, event: Event) {
        if let Event::Output(line) = event {
            progress::say(&line);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a function is given as a file")]
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(Error::io("read", path))
}
