//! The deployed functions, and whether they are those that this program would deploy.

use serde::Serialize;

use super::StatusReport;
use crate::model::Model;
use crate::plan::deployed_executable;
use crate::port::Stack;
use crate::render::{FunctionCode, Strategy};

/// A deployed function in a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunctionReport {
    /// Its logical ID in the stack.
    pub logical_id: &'static str,
    /// The kind of credential that it rotates.
    pub kind: &'static str,
    /// The SHA-256 of the executable that it was deployed from, in hexadecimal. `None` if the
    /// object key of its zip file does not contain it.
    pub executable_sha256: Option<String>,
    /// Whether this program contains the same executable. `None` if it contains none, or if the
    /// deployed one is unknown.
    pub matches_program: Option<bool>,
    /// Its code.
    #[serde(skip)]
    pub code: FunctionCode,
}

/// Returns the functions of a stack, as its parameters describe them.
pub fn deployed_functions(stack: &Stack, model: &Model) -> Vec<FunctionReport> {
    let report = |strategy: Strategy| FunctionReport {
        logical_id: strategy.function(),
        kind: strategy.code().kind(),
        executable_sha256: deployed_executable(stack, model, strategy),
        matches_program: None,
        code: strategy.code(),
    };
    let deployed = Strategy::of(model).filter(|strategy| {
        let parameter = strategy.key_parameter(model);
        stack.parameters.contains_key(parameter)
    });
    deployed.map(report).collect()
}

impl StatusReport {
    /// Compares the deployed functions with the executables that this program contains, by their
    /// SHA-256 in hexadecimal.
    #[must_use]
    pub fn compared_with(mut self, contained: impl Fn(FunctionCode) -> Option<String>) -> Self {
        for function in &mut self.functions {
            let own = contained(function.code);
            let deployed = function.executable_sha256.as_ref();
            function.matches_program = deployed.zip(own).map(|(deployed, own)| *deployed == own);
        }
        self
    }
}
