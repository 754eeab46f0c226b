//! Secrets that exist already: adopted from what others made, or left by an earlier deployment.

mod article;
mod foreign;
mod leaving;
mod leftover;
mod refused;
mod renamed;
mod setting;

/// Deploys in one go.
const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
